internal import NIOCore

/// Tells the responder of bytes as they come, since the parser behind keeps the beginning of a head to itself.
final class ArrivalWatch: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    private let responder: Responder

    init(_ responder: Responder) { self.responder = responder }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        responder.bytesArrived()
        context.fireChannelRead(data)
    }
}
