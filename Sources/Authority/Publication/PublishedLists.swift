internal import PKIX
package import ServiceLifecycle
package import Store
internal import Synchronization

/// Last lists of issuers that sign no more, as they were read.
final class EarlierLists: Sendable {
    private let lists = Mutex<[String: StoredRevocationList]>([:])

    /// - Returns: nil unless the one kept has this number.
    func list(_ issuer: String, number: Int64) -> StoredRevocationList? {
        lists.withLock { $0[issuer] }.flatMap { $0.number == number ? $0 : nil }
    }

    func keep(_ list: StoredRevocationList) { lists.withLock { $0[list.issuer] = list } }
}

/// RFC 5280: what the world fetches.
extension CertificateAuthority {
    /// The list to serve, from memory but for the first time.
    /// - Parameter issuer: its key identifier in hexadecimal.
    /// - Returns: nil where nothing is known of such a list.
    package func crl(_ issuer: String) async throws(Refusal) -> StoredRevocationList? {
        if issuer == self.issuer.id, let list = publisher.current { return list }
        let head = try await stored { () async throws(StoreError) in try await store.publicationState(issuer: issuer).newest }
        guard let head else { return nil }
        if let kept = earlierLists.list(issuer, number: head.number) { return kept }
        let list = try await stored { () async throws(StoreError) in try await store.latestCRL(issuer: issuer) }
        if let list { earlierLists.keep(list) }
        return list
    }

    /// DER; nil for an issuer that never was one here.
    package func issuerCertificate(_ id: String) async throws(Refusal) -> [UInt8]? {
        if id == issuer.id { return issuer.certificate.der }
        let earlier = try await stored { () async throws(StoreError) in try await store.issuers() }
        return earlier.first { $0.id == id }?.chain.first
    }

    package var rootPEM: String { issuer.root.pem }

    /// Run beside Web; shut down after it, so that what it accepted is finished.
    package var services: [any Service] { (heart.map { [$0] } ?? []) + [validations, issuances, publisher, sweeper] }

    /// Before the first request: the issuer on record, a list to serve, and what several servers share.
    /// - Throws: `StoreError`, `ClockIsBehind`, `SigningError`.
    package func prepare() async throws {
        if let shared = nonces as? SharedNonces {
            consent.share(try await store.secret("consent", proposed: around.random(32)))
            try await shared.refresh()
            await heart?.round()
        }
        try await store.saveIssuer(StoredIssuer(id: issuer.id, chain: issuer.chain, created: around.now()))
        try await publisher.start { await self.heart?.round() }
    }
}
