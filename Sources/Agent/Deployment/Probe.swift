import ACMEClient
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Synchronization

/// Looks which certificates a server shows, whoever signed them: it is compared, not trusted.
enum Probe {
    /// Certificates as they came, DER, the leaf first.
    /// - Throws: `failed`, with what went wrong at this place; within 10 seconds.
    static func certificates(at place: Endpoint) async throws(AgentError) -> [[UInt8]] {
        let seen = SeenCertificates()
        do {
            var settings = TLSConfiguration.makeClientConfiguration()
            // Any certificate is looked at; the callback below takes the place of the verification.
            settings.certificateVerification = .noHostnameVerification
            let context = try NIOSSLContext(configuration: settings)
            let channel = try await ClientBootstrap(group: NIOSingletons.posixEventLoopGroup)
                .connectTimeout(.seconds(5))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let start = StartTLS(place.greeting.steps(for: place.name)) { channel in
                            let tls = try NIOSSLClientHandler(
                                context: context, serverHostname: place.name,
                                customVerificationCallback: { certificates, promise in
                                    seen.take(certificates.compactMap { try? $0.toDERBytes() })
                                    promise.succeed(.certificateVerified)
                                })
                            try channel.pipeline.syncOperations.addHandler(tls, position: .first)
                        }
                        try channel.pipeline.syncOperations.addHandler(start)
                        try channel.pipeline.syncOperations.addHandler(CloseWhenDone(seen))
                    }
                }
                .connect(to: SocketAddress(ipAddress: place.address, port: place.port)).get()
            let end = channel.eventLoop.scheduleTask(in: .seconds(10)) { channel.close(promise: nil) }
            try? await channel.closeFuture.get()
            end.cancel()
        } catch { throw .failed("\(place) cannot be reached: \(reason(error))") }
        guard let found = seen.value, !found.isEmpty else {
            throw .failed("\(place) shows no certificate: \(seen.failure ?? "the connection ended before")")
        }
        return found
    }

    private static func reason(_ error: any Error) -> String {
        if let error = error as? IOError { return String(cString: strerror(error.errnoCode)) }
        return "\(error)"
    }
}

/// What a handshake brought.
private final class SeenCertificates: Sendable {
    private let state = Mutex<(certificates: [[UInt8]]?, failure: String?)>((nil, nil))
    var value: [[UInt8]]? { state.withLock { $0.certificates } }
    var failure: String? { state.withLock { $0.failure } }
    func take(_ certificates: [[UInt8]]) { state.withLock { $0.certificates = certificates } }
    func fail(_ reason: String) { state.withLock { if $0.failure == nil { $0.failure = reason } } }
}

/// Says what comes before TLS, then makes way for it. At most 16 KiB are read.
private final class StartTLS: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var steps: ArraySlice<Greeting.Step>
    private var received: [UInt8] = []
    private let secure: (any Channel) throws -> Void

    init(_ steps: [Greeting.Step], _ secure: @escaping (any Channel) throws -> Void) {
        (self.steps, self.secure) = (steps[...], secure)
    }

    func channelActive(context: ChannelHandlerContext) {
        proceed(context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let step = steps.first else { return context.fireChannelRead(data) }
        received += Array(unwrapInboundIn(data).readableBytesView)
        guard received.count <= 16_384 else { return refuse("too long a greeting", context) }
        switch Greeting.verdict(on: received, for: step) {
        case nil: return
        case false?: refuse("it does not begin TLS: \(String(decoding: received.prefix(200), as: UTF8.self))", context)
        case true?:
            received = []
            steps = steps.dropFirst()
            proceed(context)
        }
    }

    /// Says the next word, or begins TLS; both where nothing is answered to the word.
    private func proceed(_ context: ChannelHandlerContext) {
        while let step = steps.first {
            if !step.send.isEmpty { context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: step.send)), promise: nil) }
            guard Greeting.verdict(on: [], for: step) == true else { return }
            steps = steps.dropFirst()
        }
        finish(context)
    }

    private func finish(_ context: ChannelHandlerContext) {
        do {
            try secure(context.channel)
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch { context.fireErrorCaught(error) }
    }

    private func refuse(_ reason: String, _ context: ChannelHandlerContext) {
        context.fireErrorCaught(AgentError.failed(reason.sanitized))
    }
}

/// Ends the connection once the handshake is over, for better or worse.
private final class CloseWhenDone: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let seen: SeenCertificates

    init(_ seen: SeenCertificates) { self.seen = seen }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted? = event as? TLSUserEvent { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        seen.fail((error as? AgentError)?.message ?? "\(error)".sanitized)
        context.close(promise: nil)
    }
}
