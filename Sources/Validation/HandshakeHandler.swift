internal import NIOCore

/// Drives one handshake of `LenientTLS`, hands over what it brought to light and closes; sends no data.
final class HandshakeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let session: LenientSession
    private let outcome: EventLoopPromise<Handshake>
    private var received = 0
    private var isOver = false

    init(_ session: LenientSession, _ outcome: EventLoopPromise<Handshake>) { (self.session, self.outcome) = (session, outcome) }

    func channelActive(context: ChannelHandlerContext) { advance(context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // What comes after the handshake (tickets, an alert) does not matter.
        guard !isOver else { return }
        let bytes = Array(unwrapInboundIn(data).readableBytesView)
        received += bytes.count
        guard received <= LenientTLS.handshakeLimit else { return end(context, .failure(.endlessHandshake)) }
        do { try session.take(bytes) } catch { return end(context, .failure(error)) }
        advance(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(context, .failure(.unfinishedHandshake))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(context, .failure(Mishap(whileConnected: error)))
    }

    private func advance(_ context: ChannelHandlerContext) {
        do {
            guard let handshake = try session.advance() else { return send(context) }
            session.close()
            end(context, .success(handshake))
        } catch {
            end(context, .failure(error))
        }
    }

    /// The outcome goes out before the close, which reports the channel inactive at once.
    private func end(_ context: ChannelHandlerContext, _ result: Result<Handshake, Mishap>) {
        guard !isOver else { return }
        isOver = true
        outcome.completeWith(result.mapError { $0 as any Error })
        send(context)
        context.close(promise: nil)
    }

    private func send(_ context: ChannelHandlerContext) {
        let bytes = session.pending()
        guard !bytes.isEmpty else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }
}
