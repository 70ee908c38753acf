internal import NIOCore
internal import NIOSSL
internal import NIOTLS

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

    func channelInactive(context: ChannelHandlerContext) {
        do { outcome.succeed(try reader.end()) } catch { outcome.fail(Mishap(whileConnected: error)) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Many servers end a connection without a TLS close. A body that was cut off there is not the one expected, so nothing is lost
        // by reading it like a whole one.
        if case NIOSSLError.uncleanShutdown = error, let answer = try? reader.end() {
            outcome.succeed(answer)
        } else {
            outcome.fail(Mishap(whileConnected: error))
        }
        context.close(promise: nil)
    }
}

/// What a TLS handshake brought to light.
struct Handshake: Sendable {
    /// The protocol negotiated by ALPN.
    let negotiated: String?
    /// The first certificate's DER; the others do not matter.
    let certificate: [UInt8]
}

/// Waits for the handshake's end and closes; sends nothing.
final class HandshakeWitness: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let certificate: NIOLoopBoundBox<[UInt8]>
    private let outcome: EventLoopPromise<Handshake>
    private let greeting: GreetingReader?

    /// - Parameter greeting: knows what was negotiated when TLS 1.2 ends over the certificate's key usage, which is then no fault.
    init(
        _ certificate: NIOLoopBoundBox<[UInt8]>, _ outcome: EventLoopPromise<Handshake>,
        tolerating greeting: GreetingReader? = nil
    ) {
        (self.certificate, self.outcome, self.greeting) = (certificate, outcome, greeting)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted(let negotiated) = event as? TLSUserEvent else { return }
        outcome.succeed(Handshake(negotiated: negotiated, certificate: certificate.value))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        outcome.fail(Mishap.tls("the connection was closed before the handshake was done"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let mishap = Mishap(whileConnected: error)
        if let greeting, case .tls(Mishap.keyUsage) = mishap, !certificate.value.isEmpty {
            outcome.succeed(Handshake(negotiated: greeting.negotiated, certificate: certificate.value))
        } else {
            outcome.fail(mishap)
        }
        context.close(promise: nil)
    }
}
