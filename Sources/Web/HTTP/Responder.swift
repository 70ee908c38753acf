internal import DNS
internal import NIOCore
internal import NIOHTTP1
internal import NIOTLS

/// One connection, on its event loop: gathers a whole bounded request, starts one task for its answer, writes that in one piece, and keeps
/// every limit on the way: sizes, deadlines, framing, backpressure, and hanging up without draining a body that nobody wants.
///
/// One request is on its way inwards at a time; what a pipelining client sends meanwhile waits, at most one read of the socket, in `waiting`.
/// What is wrong with a request's framing is answered here, without troubling anyone behind. Deadlines are only noted here: the `Ward` looks
/// at them all from time to time, so that a request costs no timer.
final class Responder: ChannelDuplexHandler, Member {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// Before TLS stands.
        case greeting
        /// Between requests, or within a head.
        case idle
        case reading(Exchange)
        /// Someone behind is working on the answer.
        case answering(Exchange)
        /// The peer is still to take the rest of an answer.
        case writing(closes: Bool)
        /// The last answer is written; what still arrives is dropped.
        case lingering
    }
    /// A request whose head is there.
    private struct Exchange {
        let head: HTTPRequestHead
        var received: Received
    }
    private enum Arrival {
        case part(HTTPServerRequestPart)
        case fault(Fault)
    }

    var place = 0
    private let interior: Interior
    private let limits: ConnectionLimits
    private let ward: Ward
    private var phase: Phase
    /// When the present phase must have ended.
    private var deadline: NIODeadline
    private var context: ChannelHandlerContext?
    /// What arrived while it was not its turn.
    private var waiting: CircularBuffer<Arrival>
    private var rest = ByteBuffer()
    /// Bytes written and not flushed.
    private var unflushed = 0
    private var holdsRead = false
    private var isProceeding = false
    private var headHasBegun = false
    private var dropped = 0
    private var inputClosed = false
    private var isQuiescing = false
    private let peer: IPAddress?
    private let peerText: String?
    private let proxy: String?

    /// - Parameters:
    ///   - peer: the other end, or whom the PROXY protocol named.
    ///   - proxy: the trusted proxy that the connection comes through.
    ///   - deadline: for the handshake.
    init(_ interior: Interior, _ ward: Ward, peer: IPAddress?, proxy: String?, until deadline: NIODeadline) {
        (self.interior, self.ward, self.limits, self.peer, self.proxy) = (interior, ward, interior.limits, peer, proxy)
        peerText = peer?.description
        phase = interior.tls == nil ? .idle : .greeting
        waiting = CircularBuffer(initialCapacity: 0)
        self.deadline = deadline
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        ward.enter(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        ward.leave(self)
        self.context = nil
    }

    // MARK: Inwards

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if isBusy { waiting.append(.part(part)) } else { take(part, context) }
    }

    /// Called with the first bytes and all further ones, before they are parsed.
    func bytesArrived() {
        guard case .idle = phase, !headHasBegun else { return }
        headHasBegun = true
        expect(within: limits.header)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flushIfNeeded(context)
        context.fireChannelReadComplete()
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch (part, phase) {
        case (.head(let head), .idle), (.head(let head), .greeting):
            headHasBegun = false
            begin(head, context)
        case (.body(let part), .reading(var exchange)):
            guard exchange.received.body.readableBytes + part.readableBytes <= limits.body else {
                return refuse(.tooLarge(limit: limits.body), exchange, context)
            }
            phase = .idle  // lets the body grow in place
            if exchange.received.body.readableBytes == 0 {
                exchange.received.body = part
            } else {
                exchange.received.body.writeImmutableBuffer(part)
            }
            phase = .reading(exchange)
        case (.end, .reading(let exchange)): dispatch(exchange, context)
        case (.body(let part), .lingering):
            dropped += part.readableBytes
            if dropped > limits.lingeringBytes { context.close(promise: nil) }
        default: break  // the rest of a request that has been answered
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let exchange = Exchange(
            head: head,
            received: Received(
                method: head.method, target: head.originForm, headers: head.headers, body: ByteBuffer(), peer: client(of: head),
                proxy: proxy, arrived: .now()))
        if let fault = head.fault(limits) { return refuse(fault, exchange, context) }
        if head.wantsContinue {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
        }
        phase = .reading(exchange)
        expect(within: limits.reading)
    }

    /// Behind a trusted proxy, whom its header names.
    private func client(of head: HTTPRequestHead) -> String? {
        guard proxy != nil, let peer else { return peerText }
        return interior.proxies.client(of: head.headers, from: peer).description
    }

    private func dispatch(_ exchange: Exchange, _ context: ChannelHandlerContext) {
        ward.pulse.note()
        switch interior.site.respond(exchange.received, ward.pulse.delay) {
        case .now(let answer): send(answer, to: exchange.head, context)
        case .later(let work):
            phase = .answering(exchange)
            expect(within: limits.answering)
            let (here, loop) = (NIOLoopBound(self, eventLoop: context.eventLoop), context.eventLoop)
            // On this loop, so that a request that waits for nobody changes no thread. Not cancelled when the peer hangs up: what it has
            // set in motion is nearly always to be finished.
            Task.immediate(executorPreference: ward.executor) {
                let answer = await work()
                if loop.inEventLoop { here.value.deliver(answer) } else { loop.execute { here.value.deliver(answer) } }
            }
        }
    }

    private func deliver(_ answer: Answer) {
        // Overdue: another answer has gone out; or nobody is there any more.
        guard let context, case .answering(let exchange) = phase else { return }
        send(answer, to: exchange.head, context)
        proceed(context)
    }

    /// After an answer: takes what has been waiting, as far as its turn goes.
    private func proceed(_ context: ChannelHandlerContext) {
        guard !isProceeding else { return }
        isProceeding = true
        while !isBusy, let arrival = waiting.popFirst() {
            switch arrival {
            case .part(let part): take(part, context)
            case .fault(let fault): refuse(fault, nil, context)
            }
        }
        isProceeding = false
        flushIfNeeded(context)
        if waiting.isEmpty, inputClosed, !isBusy { return context.close(promise: nil) }
        guard holdsRead, waiting.isEmpty || !isBusy else { return }
        holdsRead = false
        context.read()
    }

    /// Reading stops while a request is being answered and the next one has begun to arrive.
    func read(context: ChannelHandlerContext) {
        if isBusy, !waiting.isEmpty { holdsRead = true } else { context.read() }
    }

    private var isBusy: Bool {
        switch phase {
        case .answering, .writing: true
        case .greeting, .idle, .reading, .lingering: false
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.close(promise: nil) }
        let fault: Fault =
            if case .headerOverflow = error { .headersTooLarge } else { .malformed("This is not HTTP/1.1 as RFC 9112 has it.") }
        switch phase {
        case .greeting, .idle: refuse(fault, nil, context)
        case .reading(let exchange): refuse(fault, exchange, context)
        case .answering, .writing: waiting.append(.fault(fault))
        case .lingering: context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed:
            inputClosed = true
            if !isBusy { return context.close(promise: nil) }
        case is TLSUserEvent:
            if case .greeting = phase {
                phase = .idle
                expect(within: limits.idle)
            }
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: Outwards

    private func refuse(_ fault: Fault, _ exchange: Exchange?, _ context: ChannelHandlerContext) {
        let nothing = Received(
            method: .GET, target: "", headers: [:], body: ByteBuffer(), peer: peerText, proxy: proxy, arrived: .now())
        var answer = interior.site.refusal(fault, exchange?.received ?? nothing)
        answer.closes = true
        send(answer, to: exchange?.head, context)
        flushIfNeeded(context)
    }

    private func send(_ answer: Answer, to head: HTTPRequestHead?, _ context: ChannelHandlerContext) {
        let ends = inputClosed && waiting.isEmpty
        let closes = answer.closes || ends || isQuiescing || head?.isKeepAlive != true
        let connection: Answer.Connection = closes ? .close : head?.version == .http1_0 ? .keepOld : .keep
        let (first, more) = answer.bytes(date: interior.dates.text, toHead: head?.method == .HEAD, connection)
        rest = more ?? ByteBuffer()
        write(first, isLast: closes && rest.readableBytes == 0, context)
        if closes || rest.readableBytes > 0 || !context.channel.isWritable {
            phase = .writing(closes: closes)
            expect(within: limits.writing)
            pump(context)
        } else {
            becomeIdle(context)
        }
    }

    private func becomeIdle(_ context: ChannelHandlerContext) {
        phase = .idle
        expect(within: isQuiescing ? .zero : limits.idle)
    }

    private func write(_ bytes: ByteBuffer, isLast: Bool, _ context: ChannelHandlerContext) {
        unflushed += bytes.readableBytes
        if isLast {
            let written = context.eventLoop.makePromise(of: Void.self)
            written.futureResult.assumeIsolated().whenSuccess { self.hangUp() }
            context.write(wrapOutboundOut(bytes), promise: written)
        } else {
            context.write(wrapOutboundOut(bytes), promise: nil)
        }
        // Answers to pipelined requests go out together, but only so many.
        if unflushed > limits.slice { flushIfNeeded(context) }
    }

    /// Hands the rest of an answer to the socket, as fast as the peer takes it.
    private func pump(_ context: ChannelHandlerContext) {
        guard case .writing(let closes) = phase else { return }
        while rest.readableBytes > 0 {
            flushIfNeeded(context)
            guard context.channel.isWritable, let part = rest.readSlice(length: min(limits.slice, rest.readableBytes)) else {
                return
            }
            write(part, isLast: closes && rest.readableBytes == 0, context)
        }
        rest = ByteBuffer()
        flushIfNeeded(context)
        if !closes, context.channel.isWritable { becomeIdle(context) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if case .writing = phase, context.channel.isWritable {
            expect(within: limits.writing)
            pump(context)
            if !isBusy { proceed(context) }
        }
        context.fireChannelWritabilityChanged()
    }

    private func flushIfNeeded(_ context: ChannelHandlerContext) {
        guard unflushed > 0 else { return }
        unflushed = 0
        context.flush()
    }

    /// After the last answer: says so, and waits a little for the peer to have read it.
    private func hangUp() {
        guard let context, case .writing(closes: true) = phase else { return }
        phase = .lingering
        expect(within: limits.lingering)
        waiting.removeAll()
        if inputClosed { return context.close(promise: nil) }
        context.close(mode: .output, promise: nil)
        if holdsRead { context.read() }
    }

    // MARK: Time

    private func expect(within limit: Duration) { deadline = .now() + TimeAmount(limit) }

    func expire(_ now: NIODeadline, isCrowded: Bool) {
        guard let context else { return }
        if case .idle = phase, isCrowded, !headHasBegun, deadline != .distantFuture {
            // Whoever has nothing to ask makes room for others.
            deadline = min(deadline, now + TimeAmount(limits.crowdedIdle))
        }
        guard now >= deadline else { return }
        switch phase {
        case .reading(let exchange): refuse(.tooSlow, exchange, context)
        case .answering(let exchange): refuse(.overdue, exchange, context)
        case .greeting, .idle, .writing, .lingering:
            deadline = .distantFuture
            context.close(promise: nil)
        }
    }

    /// The server is to end: the answer under way, or one to a request that is about to arrive, is the last.
    func quiesce() {
        isQuiescing = true
        switch phase {
        case .greeting, .idle: deadline = min(deadline, .now() + TimeAmount(limits.farewell))
        case .reading, .answering, .writing, .lingering: break
        }
    }

    func close() { context?.close(promise: nil) }
}
