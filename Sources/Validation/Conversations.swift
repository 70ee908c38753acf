internal import NIOCore

/// Sends one request and hands over one answer, then closes.
final class HTTPExchange: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let request: String
    private let outcome: EventLoopPromise<WebAnswer>
    private var reader = ResponseReader()

    init(_ request: String, _ outcome: EventLoopPromise<WebAnswer>) { (self.request, self.outcome) = (request, outcome) }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(string: request)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            guard let answer = try reader.take(unwrapInboundIn(data).readableBytesView) else { return }
            // Before the close, which reports the channel inactive at once.
            outcome.succeed(answer)
            context.close(promise: nil)
        } catch {
            errorCaught(context: context, error: error)
        }
    }

    /// Many servers end a connection without a TLS close. A body that was cut off there is not the one expected, so nothing is lost by reading
    /// it like a whole one.
    func channelInactive(context: ChannelHandlerContext) {
        do { outcome.succeed(try reader.end()) } catch { outcome.fail(Mishap(whileConnected: error)) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        outcome.fail(Mishap(whileConnected: error))
        context.close(promise: nil)
    }
}
