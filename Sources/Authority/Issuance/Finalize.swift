internal import ACME
internal import Foundation
package import PKIX
package import Store

/// RFC 8555 section 7.4, and the authority's own certificates.
extension CertificateAuthority {
    /// Begins the issuance, or finds it begun by the same request, and waits a few seconds for the certificate.
    /// - Parameter csr: DER, of any size that Web lets through.
    /// - Returns: the order, `valid`, or `processing` when it takes longer.
    /// - Throws: `notYours`, `orderNotReady`, `badCSR` (the order stays ready), `malformed`, `unavailable`, `broken`.
    package func finalize(_ id: RecordID, csr: [UInt8], for account: RecordID) async throws(Refusal) -> OrderWithAuthorizations {
        let found = try await order(id, for: account)
        let names = found.order.identifiers.map(\.value)
        let status = found.status(at: around.now())
        switch status {
        case .pending, .invalid: throw .orderNotReady(status)
        case .ready: break
        case .processing, .valid:
            let request = try RequestCheck.read(csr, names: names)
            return try await again(found, request)
        }
        let request = try RequestCheck.read(csr, names: names)
        try await requireCertifiable(request.publicKey)
        let job = IssuanceWorker.Job(order: found.order, names: names, key: request.publicKey)
        let ending = await issuances.begin(id, job).value(within: policy.issuanceWait, deadlines)
        switch ending {
        case .success(let certificate): return try await finished(found, certificate, request)
        case .failure(let refusal):
            // From the intent on, whatever happened, the order says what the client can count on.
            let now = try await order(id, for: account)
            let status = now.status(at: around.now())
            if status == .ready || status == .pending { throw refusal }
            return try await again(now, request)
        case nil: return try await order(id, for: account)
        }
    }

    /// The order's own request once more, after it was accepted.
    private func again(_ found: OrderWithAuthorizations, _ request: CertificateRequest) async throws(Refusal)
        -> OrderWithAuthorizations
    {
        if let id = found.order.certificate {
            let recorded = try await stored { () async throws(StoreError) in try await store.certificate(id) }
            guard let recorded else { throw .orderNotReady(found.order.status) }
            return try await finished(found, recorded, request)
        }
        let intent = try await stored { () async throws(StoreError) in try await store.intent(of: found.order.id) }
        guard let intent else {
            // Recorded between the two reads, or given up.
            let now = try await order(found.order.id, for: found.order.account)
            guard now.order.certificate != nil else { throw .orderNotReady(now.order.status) }
            return try await again(now, request)
        }
        guard let fields = try? ToBeSigned(bytes: intent.toBeSigned).fields(), fields.publicKey == request.publicKey.der else {
            throw .orderNotReady(found.order.status)
        }
        if let outcome = issuances.outcome(found.order.id),
            case .success(let certificate) = await outcome.value(
                within: policy.issuanceWait, deadlines)
        {
            return try await finished(found, certificate, request)
        }
        return try await order(found.order.id, for: found.order.account)
    }

    /// - Throws: `orderNotReady` when the certificate is for another key, that is, for another request.
    private func finished(
        _ found: OrderWithAuthorizations, _ certificate: StoredCertificate, _ request: CertificateRequest
    ) async throws(Refusal) -> OrderWithAuthorizations {
        guard certificate.keyHash == request.publicKey.fingerprint else { throw .orderNotReady(.valid) }
        var whole = found
        whole.order.status = .valid
        whole.order.certificate = certificate.id
        whole.order.error = nil
        return whole
    }

    /// RFC 8555 section 11.1: no account's key; and none that was said to be compromised.
    private func requireCertifiable(_ key: PublicKeyInfo) async throws(Refusal) {
        let (hash, thumbprint) = (key.fingerprint, JWK(key)?.thumbprint)
        switch try await stored({ () async throws(StoreError) in try await store.use(ofKey: hash, thumbprint: thumbprint) }) {
        case .free: return
        case .blocked: throw .badCSR("The CSR's key is known to be compromised; make a new one.")
        case .account: throw .badCSR("The CSR's key is an account's key; make one of its own for the certificate.")
        }
    }

    /// A certificate for the server's own TLS, recorded and revocable like any other.
    /// - Parameters:
    ///   - names: lower-case DNS names.
    ///   - addresses: 4 or 16 octets each; at least one name or address in all.
    /// - Returns: DER, the leaf first, the root left out.
    package func issueOwn(
        names: [String], addresses: [[UInt8]] = [], publicKey: PublicKeyInfo
    ) async throws(Refusal) -> [[UInt8]] {
        var names = names
        if !names.isEmpty || addresses.isEmpty {
            names = try IdentifierCheck.names(names.map { .dns($0) }, policy: policy).map(\.text)
        }
        try await requireCertifiable(publicKey)
        let job = IssuanceWorker.Job(order: nil, names: names, key: publicKey, addresses: addresses)
        switch await issuances.begin(around.newID(), job).value(within: .seconds(60), deadlines) {
        case .success(let certificate): return [certificate.der] + issuer.chain
        case .failure(let refusal): throw refusal
        case nil: throw .unavailable(retryAfter: 60)
        }
    }
}
