internal import DNS
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// One connection to one address that has been checked: the only place of this room that opens any.
struct Dialer: Sendable {
    let group: any EventLoopGroup
    private let web: NIOSSLContext?
    private let proof: NIOSSLContext?
    private let proofByTLS12: NIOSSLContext?

    static let alpn = "acme-tls/1"

    init(group: any EventLoopGroup) {
        self.group = group
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.shutdownTimeout = .milliseconds(500)
        // Nobody can have a good certificate yet: that is what the validation is for.
        configuration.certificateVerification = .none
        configuration.applicationProtocols = ["http/1.1"]
        web = try? NIOSSLContext(configuration: configuration)
        // Needed for the callback to be asked, which then decides alone; no root is consulted.
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates([])
        configuration.applicationProtocols = [Self.alpn]
        // P-521 is not among BoringSSL's own; in TLS 1.2 a curve that is not listed may not be in a certificate either.
        configuration.curves = [.x25519, .secp256r1, .secp384r1, .secp521r1]
        configuration.verifySignatureAlgorithms = [
            .ecdsaSecp256R1Sha256, .ecdsaSecp384R1Sha384, .ecdsaSecp521R1Sha512, .ed25519, .rsaPssRsaeSha256, .rsaPssRsaeSha384,
            .rsaPssRsaeSha512, .rsaPkcs1Sha256, .rsaPkcs1Sha384, .rsaPkcs1Sha512,
        ]
        proof = try? NIOSSLContext(configuration: configuration)
        configuration.maximumTLSVersion = .tlsv12
        // Only those in which the server signs.
        configuration.cipherSuiteValues = [
            .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ]
        proofByTLS12 = try? NIOSSLContext(configuration: configuration)
    }

    /// Sends `request` and reads one answer; over TLS when `name` is given, which may be empty for an address.
    func exchange(_ request: String, _ address: IPAddress, _ port: Int, tls name: String?, patience: TimeAmount)
        async throws(Mishap) -> WebAnswer
    {
        try await converse(address, port, patience) { [web] pipeline, outcome in
            if let name {
                guard let web else { throw Mishap.tls("TLS cannot be set up here") }
                try pipeline.addHandler(NIOSSLClientHandler(context: web, serverHostname: name.isEmpty ? nil : name))
            }
            try pipeline.addHandler(HTTPExchange(request, outcome))
        }
    }

    /// RFC 8737 section 3: ALPN and SNI exactly these, TLS 1.2 or later, and the certificate whatever it is.
    ///
    /// Certificates whose key usage lacks digitalSignature, as lego's, make BoringSSL end the handshake, which RFC 8737 does not ask for.
    /// Under TLS 1.2 it does so only when the server's signature has been verified; by then all that counts is known.
    func handshake(_ name: String, _ address: IPAddress, _ port: Int, patience: TimeAmount) async throws(Mishap) -> Handshake {
        do { return try await handshake(name, address, port, patience, proof, isTolerant: false) } catch {
            guard case .tls(Mishap.keyUsage) = error else { throw error }
        }
        return try await handshake(name, address, port, patience, proofByTLS12, isTolerant: true)
    }

    private func handshake(
        _ name: String, _ address: IPAddress, _ port: Int, _ patience: TimeAmount, _ context: NIOSSLContext?, isTolerant: Bool
    ) async throws(Mishap) -> Handshake {
        try await converse(address, port, patience) { pipeline, outcome in
            guard let context else { throw Mishap.tls("TLS cannot be set up here") }
            let certificate = NIOLoopBoundBox<[UInt8]>([], eventLoop: pipeline.eventLoop)
            let tls = try NIOSSLClientHandler(context: context, serverHostname: name) { chain, verdict in
                certificate.value = (try? chain.first?.toDERBytes()) ?? []
                verdict.succeed(.certificateVerified)
            }
            let greeting = isTolerant ? GreetingReader() : nil
            if let greeting { try pipeline.addHandler(greeting) }
            try pipeline.addHandler(tls)
            try pipeline.addHandler(HandshakeWitness(certificate, outcome, tolerating: greeting))
        }
    }

    private func converse<Answer: Sendable>(
        _ address: IPAddress, _ port: Int, _ patience: TimeAmount,
        _ handlers: @escaping @Sendable (ChannelPipeline.SynchronousOperations, EventLoopPromise<Answer>) throws -> Void
    ) async throws(Mishap) -> Answer {
        let loop = group.next()
        let outcome = loop.makePromise(of: Answer.self)
        let line = Line()
        do {
            let peer = try SocketAddress(packedIPAddress: ByteBuffer(bytes: address.bytes), port: port)
            ClientBootstrap(group: loop)
                .connectTimeout(patience)
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 2048))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        guard line.take(channel) else { throw Mishap.cancelled }
                        try handlers(channel.pipeline.syncOperations, outcome)
                    }
                }
                .connect(to: peer)
                .whenFailure { outcome.fail(Mishap(whileConnecting: $0)) }
        } catch {
            outcome.fail(Mishap(whileConnecting: error))
        }
        do {
            return try await withTaskCancellationHandler {
                try await outcome.futureResult.get()
            } onCancel: {
                line.hangUp()
                outcome.fail(Mishap.cancelled)
            }
        } catch {
            throw Mishap(whileConnected: error)
        }
    }
}

/// A channel that may have to be closed before, while or after it comes to be.
private final class Line: Sendable {
    private enum State { case waiting, open(any Channel), over }
    private let state = Mutex(State.waiting)

    func take(_ channel: any Channel) -> Bool {
        state.withLock {
            guard case .waiting = $0 else { return false }
            $0 = .open(channel)
            return true
        }
    }

    func hangUp() {
        let channel: (any Channel)? = state.withLock { state in
            defer { state = .over }
            guard case .open(let channel) = state else { return nil }
            return channel
        }
        channel?.close(promise: nil)
    }
}
