internal import NIOCore

/// `LenientTLS` below an `HTTPExchange`, which finds the channel active once the handshake is done.
final class LenientTLSHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase { case shaking, talking, over }
    private let session: LenientSession
    private var phase = Phase.shaking
    private var received = 0

    init(_ session: LenientSession) { self.session = session }

    func channelActive(context: ChannelHandlerContext) { advance(context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase != .over else { return }
        let bytes = Array(unwrapInboundIn(data).readableBytesView)
        received += bytes.count
        guard phase == .talking || received <= LenientTLS.handshakeLimit else { return fail(context, .endlessHandshake) }
        do { try session.take(bytes) } catch { return fail(context, error) }
        advance(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if phase == .shaking { fail(context, .unfinishedHandshake) }
        phase = .over
        context.fireChannelInactive()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        do {
            try session.write(Array(unwrapOutboundIn(data).readableBytesView))
            context.write(wrapOutboundOut(ByteBuffer(bytes: session.pending())), promise: promise)
        } catch {
            promise?.fail(error)
            fail(context, error)
        }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if phase == .talking {
            session.close()
            send(context)
        }
        phase = .over
        context.close(mode: mode, promise: promise)
    }

    /// Handshake, then whatever came behind it, as far as it has come.
    private func advance(_ context: ChannelHandlerContext) {
        do {
            if phase == .shaking, try session.advance() != nil {
                phase = .talking
                send(context)
                context.fireChannelActive()
            }
            while phase == .talking {
                guard let bytes = try session.read() else {
                    send(context)
                    return context.close(promise: nil)
                }
                guard !bytes.isEmpty else { break }
                context.fireChannelRead(wrapInboundOut(ByteBuffer(bytes: bytes)))
            }
            if phase != .over { send(context) }
        } catch {
            fail(context, error)
        }
    }

    private func fail(_ context: ChannelHandlerContext, _ mishap: Mishap) {
        guard phase != .over else { return }
        let wasTalking = phase == .talking
        phase = .over
        send(context)
        if wasTalking, case .tls(let reason) = mishap {
            context.fireErrorCaught(Mishap.lost(reason))
        } else {
            context.fireErrorCaught(mishap)
        }
        context.close(promise: nil)
    }

    private func send(_ context: ChannelHandlerContext) {
        let bytes = session.pending()
        guard !bytes.isEmpty else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }
}
