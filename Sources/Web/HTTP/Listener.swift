internal import Foundation
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
package import NIOSSL
internal import ServiceLifecycle
internal import Synchronization

/// The TLS context that new connections get; whoever renews the server's certificate puts a new one here. Running connections keep theirs.
package final class TLSContextBox: Sendable {
    private let context: Mutex<NIOSSLContext>

    package init(_ context: NIOSSLContext) { self.context = Mutex(context) }

    package var current: NIOSSLContext {
        get { context.withLock { $0 } }
        set { context.withLock { $0 = newValue } }
    }

    /// TLS 1.2 or newer, HTTP/1.1 only.
    /// - Throws: what swift-nio-ssl says of a chain and key that do not fit or cannot be read.
    package static func context(chain: [NIOSSLCertificate], key: NIOSSLPrivateKey) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }
}

/// A listener that could not be opened.
package struct ListenFailure: Error, CustomStringConvertible {
    package let kind: ListenerKind
    package let address: WebSettings.Address
    package let reason: String

    package var description: String { "Cannot listen for \(kind.rawValue) on \(address.host):\(address.port): \(reason)" }
}

/// One listening socket: accepts connections, puts TLS when there is a box and a `Responder` on each, and drains them at the end.
struct Listener: Service {
    let kind: ListenerKind
    let address: WebSettings.Address
    let tls: TLSContextBox?
    let limits: ConnectionLimits
    let maximumConnections: Int
    let dates: DateLine
    let site: Respondent
    let bound: @Sendable (ListenerKind, Int) async -> Void
    let logger: Logger

    /// Ends when it was asked to shut down gracefully and the requests in flight are answered, or when the task is cancelled.
    func run() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let connections = Connections(group, maximum: maximumConnections, limits)
        let server = try await open(connections, group)
        let port = server.localAddress?.port ?? address.port
        logger.info("Listening", metadata: ["host": .string(address.host), "port": .stringConvertible(port)])
        await bound(kind, port)
        try? await gracefulShutdown()
        try? await server.close()
        await connections.drain()
    }

    private func open(_ connections: Connections, _ group: any EventLoopGroup) async throws(ListenFailure) -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Gate(connections, logger))
                }
            }
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try furnish(channel, connections) }
            }
        do {
            return try await bootstrap.bind(host: address.host, port: address.port).get()
        } catch let error as IOError {
            throw ListenFailure(kind: kind, address: address, reason: String(cString: strerror(error.errnoCode)))
        } catch {
            throw ListenFailure(kind: kind, address: address, reason: "the host is not an address of this machine (\(error))")
        }
    }

    private func furnish(_ channel: any Channel, _ connections: Connections) throws {
        guard let ward = connections.ward(on: channel.eventLoop) else { throw ChannelError.inappropriateOperationForState }
        let pipeline = channel.pipeline.syncOperations
        if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls.current)) }
        let responder = Responder(limits: limits, dates: dates, site: site, ward: ward, isTLS: tls != nil)
        var decoding = NIOHTTPDecoderLimitConfiguration()
        decoding.maxHeaderFieldSize = limits.field
        decoding.maxHeaderListSize = limits.fields
        decoding.maxHeaderFieldCount = limits.fieldCount
        try pipeline.addHandler(ArrivalWatch(responder))
        try pipeline.addHandler(
            ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: decoding)))
        try pipeline.addHandler(responder)
    }
}
