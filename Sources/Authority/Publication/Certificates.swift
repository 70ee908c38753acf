internal import Foundation
package import Store

/// RFC 8555 section 7.4.2.
extension CertificateAuthority {
    /// The ways from the leaf upwards by their numbers, DER, each with the leaf first and the root left out; 0 is the default, the others
    /// are offered as alternates for as long as they are valid. The issuer of the day is kept with the certificate: the default never changes.
    /// - Throws: `notYours`, whether or not it exists.
    package func certificate(_ id: RecordID, for account: RecordID) async throws(Refusal) -> [Int: [[UInt8]]] {
        let found = try await stored { () async throws(StoreError) in try await store.certificate(id) }
        guard let found, found.account == account else { throw .notYours }
        var chains = [0: [found.der] + (try await chain(of: found.issuer))]
        guard found.issuer == issuer.id else { return chains }
        for (number, alternate) in issuer.alternates where alternate.notAfter > around.now() {
            chains[number] = [found.der] + alternate.certificates
        }
        return chains
    }

    private func chain(of id: String) async throws(Refusal) -> [[UInt8]] {
        if id == issuer.id { return issuer.chain }
        let earlier = try await stored { () async throws(StoreError) in try await store.issuers() }
        return earlier.first { $0.id == id }?.chain ?? []
    }
}
