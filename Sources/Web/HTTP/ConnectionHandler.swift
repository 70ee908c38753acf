internal import NIOCore
internal import NIOHTTP1

/// Turns HTTP/1.1 parts into whole requests and whole answers into parts, and is the place where a connection's limits are kept:
/// sizes, deadlines, framing, and hanging up without draining a body that nobody wants.
///
/// One request is on its way inwards at a time (`HTTPServerPipelineHandler` stands before this one). What is wrong with a request's
/// framing is answered here, on the event loop, without troubling anyone behind.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = Received
    typealias OutboundIn = Answer
    typealias OutboundOut = HTTPServerResponsePart

    private enum Phase {
        /// Between requests.
        case idle
        case reading(Received, HTTPRequestHead)
        /// Someone behind is working on the answer.
        case answering(Received, HTTPRequestHead)
        /// The last answer is on its way out.
        case writing
        /// The last answer is written; what still arrives is dropped.
        case lingering
    }

    private let limits: ConnectionLimits
    private let dates: DateLine
    /// Makes the answer to a request that is refused here. `Received` is empty but for its peer when no header could be read.
    private let refusal: @Sendable (Fault, Received) -> Answer
    private var phase = Phase.idle
    /// When the present phase must have ended.
    private var deadline = NIODeadline.distantFuture
    private var timer: Scheduled<Void>?
    private var timerDue = NIODeadline.distantFuture
    private var dropped = 0
    private var inputClosed = false
    private var peer: String?

    init(limits: ConnectionLimits, dates: DateLine, refusal: @escaping @Sendable (Fault, Received) -> Answer) {
        (self.limits, self.dates, self.refusal) = (limits, dates, refusal)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        peer = context.remoteAddress?.ipAddress
        enter(.idle, within: limits.idle, context)
    }

    func handlerRemoved(context: ChannelHandlerContext) { stopTimer() }

    func channelInactive(context: ChannelHandlerContext) {
        stopTimer()
        context.fireChannelInactive()
    }

    // MARK: Inwards

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), phase) {
        case (.head(let head), .idle): begin(head, context)
        case (.body(let part), .reading(var received, let head)):
            guard received.body.readableBytes + part.readableBytes <= limits.body else {
                return refuse(.tooLarge(limit: limits.body), received, context)
            }
            phase = .idle  // lets the buffer grow in place
            if received.body.readableBytes == 0 { received.body = part } else { received.body.writeImmutableBuffer(part) }
            phase = .reading(received, head)
        case (.end, .reading(let received, let head)):
            enter(.answering(received, head), within: limits.answering, context)
            context.fireChannelRead(wrapInboundOut(received))
        case (.body(let part), .lingering):
            dropped += part.readableBytes
            if dropped > limits.lingeringBytes { context.close(promise: nil) }
        default: break  // the rest of a request that has been answered
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        let received = Received(
            method: head.method, target: originForm(head.uri), headers: head.headers, body: ByteBuffer(), peer: peer, arrived: now
        )
        if let fault = fault(in: head, received) { return refuse(fault, received, context) }
        enter(.reading(received, head), within: limits.reading, context)
        if head.version == .http1_1, let expected = head.headers.first(name: "Expect") {
            guard expected.lowercased() == "100-continue" else { return refuse(.unknownExpectation, received, context) }
            context.writeAndFlush(wrapOutboundOut(.head(.init(version: .http1_1, status: .continue))), promise: nil)
        }
    }

    /// RFC 9112 sections 3.2 and 6; what the parser lets through and nobody behind should see.
    private func fault(in head: HTTPRequestHead, _ received: Received) -> Fault? {
        guard head.uri.utf8.count <= limits.target else { return .targetTooLong }
        guard received.target.hasPrefix("/") || (head.uri == "*" && head.method == .OPTIONS) else {
            return .malformed("The request target must be a path or an absolute http(s) URL.")
        }
        let hosts = head.headers["Host"].count
        guard hosts == 1 || (hosts == 0 && head.version == .http1_0) else {
            return .malformed("A request must have exactly one Host field.")
        }
        let codings = head.headers["Transfer-Encoding"]
        guard codings.isEmpty || (codings.count == 1 && codings[0].lowercased() == "chunked") else {
            return .malformed("The only transfer coding understood here is chunked.")
        }
        let lengths = head.headers["Content-Length"]
        guard lengths.count <= 1, lengths.isEmpty || codings.isEmpty else {
            return .malformed("The length of the body is given more than once.")
        }
        if let length = lengths.first {
            guard let bytes = Int(length), bytes >= 0 else { return .malformed("Content-Length is not a number.") }
            guard bytes <= limits.body else { return .tooLarge(limit: limits.body) }
        }
        return nil
    }

    /// The absolute form of RFC 9112 section 3.2.2 without scheme and host.
    private func originForm(_ uri: String) -> String {
        guard !uri.hasPrefix("/") else { return uri }
        for scheme in ["https://", "http://"] where uri.hasPrefix(scheme) {
            let rest = uri.dropFirst(scheme.count)
            return rest.firstIndex { $0 == "/" || $0 == "?" }.map { rest[$0] == "/" ? String(rest[$0...]) : "/" + rest[$0...] }
                ?? "/"
        }
        return uri
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.close(promise: nil) }
        let fault: Fault =
            if case .headerOverflow = error { .headersTooLarge } else { .malformed("This is not HTTP/1.1 as RFC 9112 has it.") }
        switch phase {
        case .idle:
            refuse(fault, .init(method: .GET, target: "", headers: [:], body: ByteBuffer(), peer: peer, arrived: .now()), context)
        case .reading(let received, _): refuse(fault, received, context)
        case .answering, .writing, .lingering: context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent {
            inputClosed = true
            switch phase {
            case .idle, .reading, .lingering: return context.close(promise: nil)
            case .answering, .writing: break
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: Outwards

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .answering(_, let head) = phase else {
            promise?.succeed()  // overdue: another answer has gone out
            return
        }
        send(unwrapOutboundIn(data), to: head, promise, context)
    }

    private func refuse(_ fault: Fault, _ received: Received, _ context: ChannelHandlerContext) {
        var answer = refusal(fault, received)
        answer.closes = true
        send(answer, to: .init(version: .http1_1, method: received.method, uri: received.target), nil, context)
        context.flush()
    }

    private func send(
        _ answer: Answer, to request: HTTPRequestHead, _ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext
    ) {
        let closes = answer.closes || inputClosed || !request.isKeepAlive
        var head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: answer.headers)
        head.headers.add(name: "Date", value: dates.text)
        if answer.status.mayHaveResponseBody, answer.status != .notModified {
            head.headers.add(name: "Content-Length", value: String(answer.body?.readableBytes ?? 0))
        }
        if closes {
            head.headers.add(name: "Connection", value: "close")
        } else if request.version == .http1_0 {
            head.headers.add(name: "Connection", value: "keep-alive")
        }
        // Before the end goes out: with it the pipelined next request comes in.
        if closes { enter(.writing, within: limits.writing, context) } else { enter(.idle, within: limits.idle, context) }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if let body = answer.body, body.readableBytes > 0, request.method != .HEAD, answer.status.mayHaveResponseBody {
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        guard closes else { return context.write(wrapOutboundOut(.end(nil)), promise: promise) }
        let written = promise ?? context.eventLoop.makePromise()
        let here = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        written.futureResult.whenSuccess {
            let (handler, context) = here.value
            handler.hangUp(context)
        }
        context.write(wrapOutboundOut(.end(nil)), promise: written)
    }

    /// After the last answer: says so, and waits a little for the peer to have read it.
    private func hangUp(_ context: ChannelHandlerContext) {
        guard case .writing = phase else { return }
        enter(.lingering, within: limits.lingering, context)
        if inputClosed { context.close(promise: nil) } else { context.close(mode: .output, promise: nil) }
    }

    // MARK: Time

    private func enter(_ phase: Phase, within limit: Duration, _ context: ChannelHandlerContext) {
        self.phase = phase
        deadline = .now() + TimeAmount(limit)
        if deadline < timerDue { startTimer(context) }
    }

    /// One timer per connection, moved only when it fires or when a deadline comes nearer.
    private func startTimer(_ context: ChannelHandlerContext) {
        timer?.cancel()
        timerDue = deadline
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [self] in
            timer = nil
            timerDue = .distantFuture
            if NIODeadline.now() >= deadline { expire(context) } else { startTimer(context) }
        }
    }

    private func stopTimer() {
        timer?.cancel()
        (timer, timerDue) = (nil, .distantFuture)
    }

    private func expire(_ context: ChannelHandlerContext) {
        switch phase {
        case .reading(let received, _): refuse(.tooSlow, received, context)
        case .answering(let received, _): refuse(.overdue, received, context)
        case .idle, .writing, .lingering: context.close(promise: nil)
        }
    }
}
