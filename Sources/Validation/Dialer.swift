internal import DNS
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// One connection to one address that has been checked: the only place of this room that opens any.
struct Dialer: Sendable {
    let group: any EventLoopGroup
    private let web: LenientTLS?
    private let proof: LenientTLS?

    init(group: any EventLoopGroup) {
        self.group = group
        web = try? LenientTLS(alpn: "http/1.1")
        proof = try? LenientTLS(alpn: TLSALPN01.alpn)
    }

    /// Sends `request` and reads one answer; over TLS when `name` is given, which may be empty for an address. Nobody can have a good
    /// certificate yet (that is what the validation is for), so that none is asked for.
    func exchange(_ request: String, _ address: IPAddress, _ port: Int, tls name: String?, patience: TimeAmount)
        async throws(Mishap) -> WebAnswer
    {
        try await converse(address, port, patience) { [web] pipeline, outcome in
            if let name {
                guard let web else { throw Mishap.tls("TLS cannot be set up here") }
                try pipeline.addHandler(LenientTLSHandler(web.session(name)))
            }
            try pipeline.addHandler(HTTPExchange(request, outcome))
        }
    }

    /// RFC 8737 section 3: ALPN and SNI exactly these, TLS 1.2 or later, and the certificate whatever it is.
    func handshake(_ name: String, _ address: IPAddress, _ port: Int, patience: TimeAmount) async throws(Mishap) -> Handshake {
        try await converse(address, port, patience) { [proof] pipeline, outcome in
            guard let proof else { throw Mishap.tls("TLS cannot be set up here") }
            try pipeline.addHandler(HandshakeHandler(proof.session(name), outcome))
        }
    }

    private func converse<Answer: Sendable>(
        _ address: IPAddress, _ port: Int, _ patience: TimeAmount,
        _ handlers: @escaping @Sendable (ChannelPipeline.SynchronousOperations, EventLoopPromise<Answer>) throws -> Void
    ) async throws(Mishap) -> Answer {
        // The one that this runs on, if it is of the group: then what it reports changes no thread.
        let loop = group.any()
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
