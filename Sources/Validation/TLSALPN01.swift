internal import ACME
internal import DNS

/// RFC 8737.
struct TLSALPN01: ChallengeValidator {
    static let type = ChallengeType.tlsALPN01
    static let alpn = "acme-tls/1"
    let reach: Reach

    func evidence(for attempt: Attempt) async throws(Problem) -> Evidence {
        let (address, handshake) = try await reach.handshake(attempt.name)
        let place = "\(address) port \(reach.tlsALPN01Port), asked for \(attempt.name) by TLS"
        guard handshake.negotiated == Self.alpn else {
            let chosen = handshake.negotiated.map { "chose \($0.printable(limit: 200))" } ?? "chose no application protocol"
            throw Problem(
                .tls, 400, "\(place), \(chosen). Let the TLS server there choose \(Self.alpn) (ALPN) and present the proof.")
        }
        let proof = ProofCertificate(der: handshake.certificate)
        if let fault = proof.fault(name: attempt.name, digest: attempt.keyAuthorization.digest) {
            throw Problem(
                .incorrectResponse, 403, "\(place), presented a certificate (\(handshake.certificate.count) bytes) \(fault).")
        }
        return Evidence(address: "\(address)", summary: "\(place), presented the proof certificate")
    }
}
