internal import HummingbirdCore
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

/// What stands between a socket and the site: TLS when there is a box, HTTP/1.1, the limits. Hummingbird's server accepts, counts and
/// drains the connections; its own channel is not used, since it swallows unread bodies without bound and answers in bare status lines.
struct Listener: ServerChildChannel {
    typealias Value = NIOAsyncChannel<Received, Answer>

    let tls: TLSContextBox?
    let limits: ConnectionLimits
    let dates: DateLine
    let respond: @Sendable (Received) async -> Answer
    let refusal: @Sendable (Fault, Received) -> Answer

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls.current)) }
            var decoding = NIOHTTPDecoderLimitConfiguration()
            decoding.maxHeaderFieldSize = limits.field
            decoding.maxHeaderListSize = limits.fields
            decoding.maxHeaderFieldCount = limits.fieldCount
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: true, withErrorHandling: false, withOutboundHeaderValidation: true,
                withEncoderConfiguration: .init(), withDecoderLimitConfiguration: decoding)
            try pipeline.addHandler(ConnectionHandler(limits: limits, dates: dates, refusal: refusal))
            return try NIOAsyncChannel(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
    }

    func handle(value: Value, logger: Logger) async {
        let channel = value.channel
        do {
            try await withTaskCancellationHandler {
                try await value.executeThenClose { inbound, outbound in
                    for try await received in inbound { try await outbound.write(await respond(received)) }
                    outbound.finish()
                    try await channel.closeFuture.get()
                }
            } onCancel: {
                channel.close(promise: nil)
            }
        } catch {
            logger.trace("The connection ended", metadata: ["error": "\(error)"])
        }
    }
}
