internal import Foundation
internal import Logging
internal import Measures
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

/// What stands around every connection of a listener.
struct Interior: Sendable {
    let tls: TLSContextBox?
    let limits: ConnectionLimits
    let proxies: TrustedProxies
    let dates: DateLine
    let site: Respondent
    let connections: Connections
    let logger: Logger

    /// TLS when there is a box, HTTP/1.1, and the responder.
    func furnish(
        _ pipeline: ChannelPipeline.SynchronousOperations, _ responder: Responder, behind doorman: Doorman
    ) throws {
        var decoding = NIOHTTPDecoderLimitConfiguration()
        decoding.maxHeaderFieldSize = limits.field
        decoding.maxHeaderListSize = limits.fields
        decoding.maxHeaderFieldCount = limits.fieldCount
        let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: decoding)
        // The last first, so that TLS finds everyone there when it begins.
        try pipeline.addHandler(responder, position: .after(doorman))
        try pipeline.addHandler(ByteToMessageHandler(decoder), position: .after(doorman))
        try pipeline.addHandler(ArrivalWatch(responder), position: .after(doorman))
        if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls.current), position: .after(doorman)) }
    }
}

/// One listening socket: accepts connections, lets a `Doorman` meet each, and drains them at the end.
struct Listener: Service {
    let kind: ListenerKind
    let address: WebSettings.Address
    let tls: TLSContextBox?
    let settings: WebSettings
    let measures: WebMeasures
    let dates: DateLine
    let site: Respondent
    let bound: @Sendable (ListenerKind, Int) async -> Void
    let logger: Logger

    /// Ends when it was asked to shut down gracefully and the requests in flight are answered, or when the task is cancelled.
    func run() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        measures.connectionLimit[kind].set(settings.maximumConnections)
        let connections = Connections(
            group, maximum: settings.maximumConnections, perAddress: settings.maximumConnectionsPerAddress, settings.limits,
            open: measures.connections[kind], accepted: measures.accepted[kind])
        let interior = Interior(
            tls: tls, limits: settings.limits, proxies: settings.proxies, dates: dates, site: site, connections: connections,
            logger: logger)
        let server = try await open(interior, group)
        let port = server.localAddress?.port ?? address.port
        logger.info("Listening", metadata: ["host": .string(address.host), "port": .stringConvertible(port)])
        await bound(kind, port)
        try? await gracefulShutdown()
        try? await server.close()
        await connections.drain()
    }

    private func open(_ interior: Interior, _ group: any EventLoopGroup) async throws(ListenFailure) -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Gate(interior.connections, logger))
                }
            }
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let ward = interior.connections.ward(on: channel.eventLoop) else {
                        throw ChannelError.inappropriateOperationForState
                    }
                    try channel.pipeline.syncOperations.addHandler(Doorman(interior, ward))
                }
            }
        do {
            return try await bootstrap.bind(host: address.host, port: address.port).get()
        } catch let error as IOError {
            throw ListenFailure(kind: kind, address: address, reason: String(cString: strerror(error.errnoCode)))
        } catch {
            throw ListenFailure(kind: kind, address: address, reason: "the host is not an address of this machine (\(error))")
        }
    }
}
