package import Store

/// RFC 8555 section 7.4.2.
extension CertificateAuthority {
    /// The ways from the leaf upwards, DER, each with the leaf first and the root left out; the first is the default, the others are
    /// offered as alternates. The issuer of the day is kept with the certificate: a download never changes.
    /// - Throws: `notYours`, whether or not it exists.
    package func certificate(_ id: RecordID, for account: RecordID) async throws(Refusal) -> [[[UInt8]]] {
        let found = try await stored { () async throws(StoreError) in try await store.certificate(id) }
        guard let found, found.account == account else { throw .notYours }
        return [[found.der] + (try await chain(of: found.issuer))]
    }

    private func chain(of id: String) async throws(Refusal) -> [[UInt8]] {
        if id == issuer.id { return issuer.chain }
        let earlier = try await stored { () async throws(StoreError) in try await store.issuers() }
        return earlier.first { $0.id == id }?.chain ?? []
    }
}
