import ACMEClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// One look at a web server at an address that was chosen: a GET whose body is never read.
enum HTTPLook {
    enum Outcome: Sendable, Equatable {
        /// `location` is raw from the server.
        case answer(status: Int, location: String?)
        /// It was connected to, but no HTTP came of it. A clause.
        case noAnswer(String)
        case refused
        case timeout
        /// A clause.
        case unreachable(String)
    }

    /// - Parameters:
    ///   - host: for Host and SNI.
    ///   - address: numeric.
    ///   - path: what may stand in a request's first line; made by us or percent-encoded.
    ///   - secure: over TLS, whoever signed the certificate, as CAs do when they follow a redirect.
    /// - Returns: within 10 seconds.
    static func get(_ host: String, _ path: String, at address: String, port: Int, secure: Bool) async -> Outcome {
        let shared = Shared()
        do {
            let channel = try await ClientBootstrap(group: NIOSingletons.posixEventLoopGroup)
                .connectTimeout(.seconds(5))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        if secure {
                            var settings = TLSConfiguration.makeClientConfiguration()
                            settings.certificateVerification = .none
                            settings.applicationProtocols = ["http/1.1"]
                            try pipeline.addHandler(
                                NIOSSLClientHandler(context: NIOSSLContext(configuration: settings), serverHostname: host))
                        }
                        try pipeline.addHTTPClientHandlers()
                        try pipeline.addHandler(Asking(host: host, path: path, shared))
                    }
                }
                .connect(to: SocketAddress(ipAddress: address, port: port)).get()
            let end = channel.eventLoop.scheduleTask(in: .seconds(5)) { channel.close(promise: nil) }
            try? await channel.closeFuture.get()
            end.cancel()
            return shared.outcome ?? .noAnswer("no HTTP answer came within 5 s")
        } catch { return failure(error) }
    }

    /// Whether something accepts connections there.
    /// - Returns: `answer` with status 0 if so.
    static func connect(_ address: String, port: Int) async -> Outcome {
        do {
            let channel = try await ClientBootstrap(group: NIOSingletons.posixEventLoopGroup).connectTimeout(.seconds(5))
                .connect(to: SocketAddress(ipAddress: address, port: port)).get()
            try? await channel.close()
            return .answer(status: 0, location: nil)
        } catch { return failure(error) }
    }

    private static func failure(_ error: any Error) -> Outcome {
        if let error = error as? ChannelError, case .connectTimeout = error { return .timeout }
        guard let error = error as? IOError else { return .noAnswer("\(error)".sanitized) }
        switch error.errnoCode {
        case ECONNREFUSED: return .refused
        case ETIMEDOUT: return .timeout
        default: return .unreachable(String(cString: strerror(error.errnoCode)))
        }
    }

    private final class Shared: Sendable {
        private let state = Mutex<Outcome?>(nil)
        var outcome: Outcome? { state.withLock { $0 } }
        func tell(_ outcome: Outcome) { state.withLock { if $0 == nil { $0 = outcome } } }
    }

    /// Sends the request and hangs up after the head of the answer. NIO bounds the head's size.
    private final class Asking: ChannelInboundHandler {
        typealias InboundIn = HTTPClientResponsePart
        typealias OutboundOut = HTTPClientRequestPart
        private let host: String
        private let path: String
        private let shared: Shared

        init(host: String, path: String, _ shared: Shared) { (self.host, self.path, self.shared) = (host, path, shared) }

        func channelActive(context: ChannelHandlerContext) {
            var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path)
            head.headers = ["Host": host, "User-Agent": "chancery-doctor", "Accept": "*/*", "Connection": "close"]
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            context.fireChannelActive()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .head(let head) = unwrapInboundIn(data) else { return }
            shared.tell(.answer(status: Int(head.status.code), location: head.headers.first(name: "Location")))
            context.close(promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            shared.tell(.noAnswer("what answers does not speak \(error is NIOSSLError ? "TLS" : "HTTP")"))
            context.close(promise: nil)
        }
    }
}
