internal import Foundation
internal import Logging
internal import NIOCore

/// Before the accepting of connections: takes no more while there are as many as there may be (they wait in the system's queue), and rests
/// for a moment when the process has no file descriptors left, which the system tells again and again.
final class Gate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private let connections: Connections
    private let logger: Logger
    private var isResting = false
    private var lastComplaint = NIODeadline.distantPast

    init(_ connections: Connections, _ logger: Logger) { (self.connections, self.logger) = (connections, logger) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connections.arrived()
        let connections = connections
        unwrapInboundIn(data).closeFuture.whenComplete { _ in connections.departed() }
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        guard !isResting else { return }
        let (here, loop) = (NIOLoopBound(context, eventLoop: context.eventLoop), context.eventLoop)
        let hasRoom = connections.hasRoom { loop.execute { here.value.read() } }
        if hasRoom { context.read() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode) else {
            // Of one connection that was gone before it was taken.
            return logger.debug("A connection could not be accepted", metadata: ["error": "\(error)"])
        }
        guard !isResting else { return }
        isResting = true
        if lastComplaint + .seconds(10) < .now() {
            lastComplaint = .now()
            logger.error(
                "No connection can be accepted: the system is out of file descriptors or memory for them",
                metadata: ["remedy": "raise LimitNOFILE (ulimit -n) or the memory that the system has for sockets"])
        }
        context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(100)) {
            self.isResting = false
            self.read(context: context)
        }
    }
}
