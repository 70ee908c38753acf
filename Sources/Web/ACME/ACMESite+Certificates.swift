internal import ACME
internal import Authority
internal import NIOHTTP1
internal import PKIX
internal import Store

/// RFC 8555 sections 7.4.2 and 7.6.
extension ACMESite {
    /// PEM of the whole chain unless DER of the certificate alone is what was asked for; never 406.
    func certificate(_ request: SignedRequest, _ id: RecordID, _ chain: Int, _ accept: [String]) async throws -> Answer {
        try request.expectNoPayload()
        let chains = try await authority.certificate(id, for: request.account.id)
        guard let certificates = chains[chain], let leaf = certificates.first else {
            return .notFound("The certificate has no such chain.")
        }
        var answer: Answer
        if Self.prefersDER(accept) {
            answer = Answer(.ok, type: "application/pkix-cert", leaf).linking(addresses[.issuer(authority.issuer.id)], "up")
        } else {
            answer = Answer(
                .ok, type: "application/pem-certificate-chain", certificates.map { PEM.encode("CERTIFICATE", $0) }.joined())
            for other in chains.keys.sorted() where other != chain {
                answer = answer.linking(addresses[.certificate(id, chain: other)], "alternate")
            }
        }
        return answer.with("Vary", "Accept")
    }

    /// By the account, or by the certificate's key, which needs no account.
    func revoke(_ request: SignedRequest) async throws -> Answer {
        let payload = try Payload(request.payload)
        guard let certificate = try payload.bytes("certificate") else { throw Problem.malformed("\"certificate\" is missing.") }
        let reason = try self.reason(payload)
        switch request.signer {
        case .account(let account): try await authority.revoke(certificate, reason: reason, by: .account(account.id))
        case .key(let key): try await authority.revoke(certificate, reason: reason, by: .key(key))
        }
        return Answer(.ok)
    }

    /// Of the wrong type it is as little a reason as a number that is none (RFC 8555 section 7.6).
    private func reason(_ payload: Payload) throws(Problem) -> Int? {
        guard let json = payload["reason"] else { return nil }
        guard let reason = json.int else { throw Problem(.badRevocationReason, 400, "\"reason\" must be one of 0, 1, 3, 4, 5.") }
        return reason
    }

    /// Whether DER is named, and not ranked below PEM (RFC 9110 section 12.5.1). Of two equals, PEM is served only where it is named too.
    private static func prefersDER(_ accept: [String]) -> Bool {
        var weights: [String: Double] = [:]
        for range in accept.flatMap({ $0.split(separator: ",") }) {
            let parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
            guard let type = parts.first else { continue }
            weights[type] = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
        }
        guard let der = weights["application/pkix-cert"], der > 0 else { return false }
        if let pem = weights["application/pem-certificate-chain"] { return der > pem }
        return der >= weights["application/*"] ?? weights["*/*"] ?? 0
    }
}
