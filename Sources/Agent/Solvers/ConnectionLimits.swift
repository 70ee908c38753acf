import NIOCore
import Synchronization

/// How many connections a listener has.
final class NIOConnectionCount: Sendable {
    let open = Atomic<Int>(0)
}

/// Closes a connection that lives too long, says too much, or is one too many.
final class ConnectionLimits: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connections: NIOConnectionCount
    private var received = 0
    private var end: Scheduled<Void>?

    init(_ connections: NIOConnectionCount) { self.connections = connections }

    func handlerAdded(context: ChannelHandlerContext) {
        let count = connections.open.add(1, ordering: .relaxed).newValue
        let channel = context.channel
        end = context.eventLoop.scheduleTask(in: count > 128 ? .zero : .seconds(15)) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        connections.open.subtract(1, ordering: .relaxed)
        end?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += unwrapInboundIn(data).readableBytes
        guard received <= 16_384 else { return context.close(promise: nil) }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
