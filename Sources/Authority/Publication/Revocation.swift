package import ACME
internal import Faults
internal import Foundation
internal import Logging
internal import PKIX
package import Store

/// Who asks for a revocation.
package enum Revoker: Sendable {
    /// A proved, active account.
    case account(RecordID)
    /// The proved holder of a key.
    case key(JWK)
    /// Whoever runs this authority; may give any reason that lists know.
    case `operator`
}

/// RFC 8555 section 7.6.
extension CertificateAuthority {
    /// Published on the revocation list within seconds. Reason 1 also bars the key from further certificates.
    /// - Parameter reason: RFC 5280 section 5.3.1; nil: none is given, and none is published.
    /// - Throws: `malformed`, `unknownCertificate`, `mayNotRevoke`, `badRevocationReason`, `alreadyRevoked`.
    package func revoke(_ certificate: [UInt8], reason: Int?, by revoker: Revoker) async throws(Refusal) {
        let read: Certificate509
        do { read = try Certificate509(der: certificate) } catch { throw .malformed("This is no certificate: \(error.reason).") }
        guard let key = read.authorityKeyIdentifier else { throw .unknownCertificate }
        let issuer = key.hex
        let found = try await stored { () async throws(StoreError) in
            try await store.certificate(issuer: issuer, serial: read.serial)
        }
        // Another certificate may bear the same serial and claim the same issuer; only the very bytes will do.
        guard let found, found.der == certificate else { throw .unknownCertificate }
        guard try await mayRevoke(found, read, revoker) else { throw .mayNotRevoke }
        try require(reason, revoker)
        crashPoint("revocation.before")
        let outcome = try await stored { () async throws(StoreError) in
            try await store.revoke(
                issuer: issuer, serial: found.serial, at: around.now(), reason: reason == 0 ? nil : reason, blockKey: reason == 1)
        }
        crashPoint("revocation.after")
        guard case .revoked = outcome else { throw .alreadyRevoked }
        log.notice("certificate revoked", metadata: .event(account: found.account, order: found.order, serial: found.serial))
        publisher.revoked()
    }

    private func require(_ reason: Int?, _ revoker: Revoker) throws(Refusal) {
        guard let number = reason else { return }
        guard let reason = RevocationReason(rawValue: number) else { throw .badRevocationReason(number) }
        let allowed: Set<RevocationReason>
        if case .operator = revoker {
            allowed = RevocationReason.listed.union([.unspecified])
        } else {
            allowed = RevocationReason.subscribers
        }
        guard allowed.contains(reason) else { throw .badRevocationReason(number) }
    }

    private func mayRevoke(_ certificate: StoredCertificate, _ read: Certificate509, _ revoker: Revoker) async throws(Refusal)
        -> Bool
    {
        switch revoker {
        case .operator: return true
        case .key(let key): return key.subjectPublicKeyInfo == read.publicKey
        case .account(let account):
            if certificate.account == account { return true }
            let names = certificate.identifiers
            guard !names.isEmpty else { return false }
            let covered = try await stored { () async throws(StoreError) in
                try await store.validAuthorizations(account, names, now: around.now())
            }
            return covered.isSuperset(of: names)
        }
    }
}
