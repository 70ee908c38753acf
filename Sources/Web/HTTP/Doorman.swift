internal import DNS
internal import Logging
internal import NIOCore
internal import NIOSSL

/// The first to meet a connection, until its first bytes are there: learns whom it comes from (from the PROXY protocol where a trusted proxy is to
/// say so), turns away who has too many connections, and only then has TLS and the rest set up. A connection that says nothing costs little
/// more than its file descriptor; while the loop cannot keep up, new ones wait here, before the price of their handshake is paid.
final class Doorman: ChannelInboundHandler, RemovableChannelHandler, Member {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// No client says more than this before it is answered: the greetings of TLS and of the PROXY protocol, or a head of HTTP.
    private static let most = 64 * 1024

    var place = 0
    private let interior: Interior
    private let ward: Ward
    private let deadline: NIODeadline
    private var context: ChannelHandlerContext?
    private var buffer = ByteBuffer()
    private var peer: IPAddress?
    /// The trusted proxy at the other end, if it is one.
    private var proxy: String?
    private var mustSayClient = false
    private var isPostponed = false

    init(_ interior: Interior, _ ward: Ward) {
        (self.interior, self.ward) = (interior, ward)
        deadline = .now() + TimeAmount(interior.tls == nil ? interior.limits.idle : interior.limits.handshake)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        ward.enter(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        ward.leave(self)
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        peer = context.remoteAddress?.ipAddress.flatMap { IPAddress($0.prefix { $0 != "%" }) }?.mapped
        if let peer, interior.proxies.contains(peer) { proxy = peer.description }
        mustSayClient = proxy != nil && interior.proxies.expectsProxyHeader
        guard proxy != nil || isWelcome(context) else { return context.close(promise: nil) }
        context.fireChannelActive()
    }

    /// Whether its address may have one connection more; counted until the connection ends.
    private func isWelcome(_ context: ChannelHandlerContext) -> Bool {
        guard let peer else { return true }
        let connections = interior.connections
        guard connections.enter(peer) else { return false }
        context.channel.closeFuture.whenComplete { _ in connections.leave(peer) }
        return true
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var arrived = unwrapInboundIn(data)
        if buffer.readableBytes == 0 { buffer = arrived } else { buffer.writeBuffer(&arrived) }
        guard buffer.readableBytes <= Self.most else { return context.close(promise: nil) }
        if mustSayClient {
            switch ProxyHeader.read(&buffer) {
            case .incomplete: return
            case .wrong:
                interior.logger.warning(
                    "A connection of a trusted proxy did not begin with the PROXY protocol",
                    metadata: ["proxy": "\(proxy ?? "")"])
                return context.close(promise: nil)
            case .header(.proxyItself): mustSayClient = false
            case .header(.client(let client)):
                mustSayClient = false
                peer = client
                guard interior.proxies.contains(client) || isWelcome(context) else { return context.close(promise: nil) }
            }
        }
        guard buffer.readableBytes > 0, !isPostponed else { return }
        if interior.tls != nil, ward.isSwamped {
            isPostponed = true
            ward.postpone(self)
        } else {
            admit()
        }
    }

    /// Makes room for those who do the work.
    func admit() {
        guard let context else { return }
        let responder = Responder(
            interior, ward, peer: peer, proxy: proxy, until: deadline)
        do {
            try interior.furnish(context.pipeline.syncOperations, responder, behind: self)
        } catch {
            interior.logger.error("A connection could not be set up", metadata: ["error": "\(error)"])
            return context.close(promise: nil)
        }
        context.fireChannelRead(wrapInboundOut(buffer))
        context.fireChannelReadComplete()
        buffer = ByteBuffer()
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // Whoever has nothing to say, or no patience, needs no answer.
        if case .some(.inputClosed) = event as? ChannelEvent { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func expire(_ now: NIODeadline, isCrowded: Bool) { if now >= deadline { close() } }

    func quiesce() { if buffer.readableBytes == 0 { close() } }

    func close() { context?.close(promise: nil) }
}
