internal import ACME
internal import COpenSSL

/// How validation speaks TLS: 1.2 or 1.3, the certificate whatever it is, for what a host presents is to be judged or to be passed over
/// and never to be trusted.
///
/// OpenSSL and not the TLS of the other rooms, which ends the handshake where a certificate's keyUsage lacks digitalSignature
/// (docs/design/tls-alpn-openssl.md). Everything that the host's openssl.cnf could change is set here.
final class LenientTLS: Sendable {
    /// A server's whole side of the handshake; most take 1 to 4 KiB.
    static let handshakeLimit = 64 << 10

    /// May be used by any number of threads, once it is set up.
    nonisolated(unsafe) private let context: OpaquePointer

    /// - Parameter alpn: the one application protocol that is offered.
    init(alpn: String) throws(Mishap) {
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw Self.fault() }
        // Before anything can throw: a deinit needs every property.
        self.context = context
        let offer = [UInt8(clamping: alpn.utf8.count)] + alpn.utf8
        guard
            chancery_SSL_CTX_set_version_range(context, TLS1_2_VERSION, 0) == 1,
            // No finite-field Diffie-Hellman: the server would choose how large a number the event loop has to raise.
            SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:kRSA+AES") == 1,
            SSL_CTX_set_ciphersuites(
                context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1,
            chancery_SSL_CTX_set_groups(context, "X25519:P-256:P-384:P-521") == 1,
            chancery_SSL_CTX_set_signature_algorithms(
                context,
                "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:ed25519:rsa_pss_rsae_sha256:"
                    + "rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:RSA+SHA256:RSA+SHA384:RSA+SHA512") == 1,
            // Zero for success, unlike all others.
            SSL_CTX_set_alpn_protos(context, offer, UInt32(offer.count)) == 0
        else { throw Self.fault() }
        // Weak keys of a proof get as far as `ProofCertificate`, which names what is wrong with them; SHA-1 does not.
        SSL_CTX_set_security_level(context, 1)
        chancery_SSL_CTX_keep_no_session(context)
        SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil)
        // Without this a chain would be built and checked in vain.
        SSL_CTX_set_cert_verify_callback(context, { _, _ in 1 }, nil)
    }

    deinit { SSL_CTX_free(context) }

    /// - Parameter name: for SNI, exactly so; empty for none, as with an address.
    func session(_ name: String) throws(Mishap) -> LenientSession { try LenientSession(context, name) }

    private static func fault() -> Mishap { .tls("TLS cannot be set up here: \(LenientSession.reasons())") }
}

/// What a TLS handshake brought to light.
struct Handshake: Sendable {
    /// The protocol negotiated by ALPN.
    let negotiated: String?
    /// The first certificate's DER; the others do not matter.
    let certificate: [UInt8]
}

/// One conversation between two buffers in memory: no socket, no waiting. Touched by one thread at a time, from call to call.
final class LenientSession {
    private let session: OpaquePointer
    /// What came and what is to be sent. The session owns them.
    private let input: OpaquePointer
    private let output: OpaquePointer

    fileprivate init(_ context: OpaquePointer, _ name: String) throws(Mishap) {
        guard let session = SSL_new(context) else { throw Self.failure() }
        guard let input = BIO_new(BIO_s_mem()), let output = BIO_new(BIO_s_mem()) else {
            SSL_free(session)
            throw Self.failure()
        }
        SSL_set_bio(session, input, output)
        (self.session, self.input, self.output) = (session, input, output)
        SSL_set_connect_state(session)
        guard name.isEmpty || chancery_SSL_set_server_name(session, name) == 1 else { throw Self.failure() }
    }

    deinit { SSL_free(session) }

    /// - Parameter bytes: as they came from the network, cut anywhere.
    func take(_ bytes: [UInt8]) throws(Mishap) {
        guard !bytes.isEmpty else { return }
        guard BIO_write(input, bytes, CInt(clamping: bytes.count)) == bytes.count else { throw Self.failure() }
    }

    /// Goes as far in the handshake as what came allows.
    /// - Returns: nil while more has to come.
    func advance() throws(Mishap) -> Handshake? {
        // The queue of errors is the thread's; another session may have left some.
        ERR_clear_error()
        let result = SSL_do_handshake(session)
        if result == 1 { return Handshake(negotiated: negotiated, certificate: try certificate()) }
        guard SSL_get_error(session, result) == SSL_ERROR_WANT_READ else { throw Self.failure() }
        return nil
    }

    /// After the handshake: what the other side said, at most 16 KiB; empty while more has to come.
    /// - Returns: nil when it said that it ends.
    func read() throws(Mishap) -> [UInt8]? {
        ERR_clear_error()
        var result: CInt = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: 16 << 10) { bytes, filled in
            result = SSL_read(session, bytes.baseAddress, CInt(clamping: bytes.count))
            filled = Int(max(0, result))
        }
        guard result <= 0 else { return bytes }
        switch SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ: return []
        case SSL_ERROR_ZERO_RETURN: return nil
        default: throw Self.failure()
        }
    }

    /// After the handshake: has what is to be said ready for `pending`.
    func write(_ bytes: [UInt8]) throws(Mishap) {
        guard !bytes.isEmpty else { return }
        ERR_clear_error()
        guard SSL_write(session, bytes, CInt(clamping: bytes.count)) == bytes.count else { throw Self.failure() }
    }

    /// Has the closing alert ready for `pending`.
    func close() {
        ERR_clear_error()
        SSL_shutdown(session)
    }

    /// What is to be sent now, each byte once.
    func pending() -> [UInt8] {
        let count = BIO_ctrl_pending(output)
        guard count > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { bytes, filled in
            filled = Int(max(0, BIO_read(output, bytes.baseAddress, CInt(clamping: count))))
        }
    }

    private var negotiated: String? {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(session, &name, &count)
        // The name is the session's, and copied here.
        return name.map { String(decoding: UnsafeBufferPointer(start: $0, count: Int(count)), as: UTF8.self) }
    }

    /// The signed part is as it came; OpenSSL writes only the frame around it anew.
    private func certificate() throws(Mishap) -> [UInt8] {
        guard let certificate = SSL_get1_peer_certificate(session) else { throw .tls("no certificate was presented") }
        defer { X509_free(certificate) }
        let count = i2d_X509(certificate, nil)
        guard count > 0 else { throw Self.failure() }
        return [UInt8](unsafeUninitializedCapacity: Int(count)) { bytes, filled in
            var end = bytes.baseAddress
            filled = Int(max(0, i2d_X509(certificate, &end)))
        }
    }

    private static func failure() -> Mishap { .tls(reasons()) }

    /// What OpenSSL says went wrong last in this thread, the outermost first: `bad signature, data too large for modulus`.
    fileprivate static func reasons() -> String {
        var reasons: [String] = []
        while case let code = ERR_get_error(), code != 0 {
            let reason = ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
            if !reasons.contains(reason) { reasons.append(reason) }
        }
        return reasons.isEmpty ? "no reason given" : reasons.reversed().joined(separator: ", ").printable(limit: 200)
    }
}
