package import Foundation

package enum RevocationOutcome: Sendable, Equatable {
    case revoked(StoredCertificate)
    case already(at: Date, reason: Int?)
}

package enum KeyUse: Sendable, Equatable {
    case free
    /// Said to be compromised.
    case blocked
    /// An account's.
    case account
}

extension AuthorityStore {
    /// - Parameter blockKey: no certificate for this key again (its owner says it is compromised).
    /// - Throws: `notFound`.
    package func revoke(
        issuer: String, serial: [UInt8], at now: Date, reason: Int?, blockKey: Bool = false
    ) async throws(StoreError) -> RevocationOutcome {
        try await commit { (sql) throws(StoreError) in
            guard var found = try Self.certificate(sql, issuer: issuer, serial: serial) else { throw .notFound }
            if blockKey { try Self.block(found.keyHash, now, sql) }
            if let revoked = found.revoked { return .already(at: revoked.at, reason: revoked.reason) }
            try sql.run(
                """
                INSERT INTO revocations (certificate, issuer, serial, revoked, reason, not_after, listed_until)
                VALUES ($1, $2, $3, $4, $5, $6, $7)
                """,
                [
                    found.id.sql, issuer.sql, serial.sql, now.sql, reason.sql(\.sql), found.notAfter.sql,
                    max(found.notAfter, now).sql,
                ])
            try sql.run(
                """
                INSERT INTO revocation_counts (issuer, number) VALUES ($1, 1)
                ON CONFLICT (issuer) DO UPDATE SET number = revocation_counts.number + 1
                """,
                [issuer.sql])
            found.revoked = StoredCertificate.Revocation(at: now, reason: reason)
            return .revoked(found)
        }
    }

    /// A page of the issuer's revocations behind `place`. The next list's begin at `PublicationState.start`; what is revoked while the
    /// pages are read may be on none of them, but raises `PublicationState.revocations`.
    package func revocations(
        issuer: String, after place: RevocationPlace, limit: Int
    ) async throws(StoreError) -> [StoredRevocation] {
        try await read { (sql) throws(StoreError) in
            try sql.rows(
                """
                SELECT serial, revoked, reason, listed_until, certificate FROM revocations
                WHERE issuer = $1 AND (listed_until, certificate) > ($2, $3) ORDER BY listed_until, certificate LIMIT $4
                """,
                [issuer.sql, place.listedUntil.sql, place.certificate.sql, limit.sql]
            ).map { (row) throws(StoreError) in
                StoredRevocation(
                    serial: try row.bytes(0), at: try row.time(1), reason: try row.reason(2),
                    place: RevocationPlace(listedUntil: try row.time(3), certificate: try row.id(4)))
            }
        }
    }

    package func blockKey(_ hash: [UInt8], at now: Date) async throws(StoreError) {
        try await commit { (sql) throws(StoreError) in try Self.block(hash, now, sql) }
    }

    /// - Parameter hash: SHA-256 of the subject public key info.
    package func isKeyBlocked(_ hash: [UInt8]) async throws(StoreError) -> Bool {
        try await read { (sql) throws(StoreError) in
            try sql.row("SELECT blocked FROM blocked_keys WHERE key_hash = $1", [hash.sql]) != nil
        }
    }

    /// What speaks against a key of a certificate, in one reading.
    /// - Parameters:
    ///   - hash: SHA-256 of the subject public key info.
    ///   - thumbprint: of the same key as JWK, where it can be one.
    package func use(ofKey hash: [UInt8], thumbprint: String?) async throws(StoreError) -> KeyUse {
        try await read(snapshot: thumbprint != nil) { (sql) throws(StoreError) in
            if try sql.row("SELECT blocked FROM blocked_keys WHERE key_hash = $1", [hash.sql]) != nil { return .blocked }
            guard let thumbprint else { return .free }
            let row = try sql.row("SELECT id FROM accounts WHERE thumbprint = $1", [thumbprint.sql])
            return row == nil ? .free : .account
        }
    }

    private static func block(_ hash: [UInt8], _ now: Date, _ sql: any Session) throws(StoreError) {
        try sql.run(
            "INSERT INTO blocked_keys (key_hash, blocked) VALUES ($1, $2) ON CONFLICT (key_hash) DO NOTHING",
            [hash.sql, now.sql])
    }
}
