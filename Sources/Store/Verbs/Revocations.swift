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

/// A key that is to be certified.
package struct KeyToCertify: Sendable, Equatable {
    /// SHA-256 of the subject public key info.
    package var hash: [UInt8]
    /// Of the same key as JWK; nil where it cannot be one.
    package var thumbprint: String?
    package init(hash: [UInt8], thumbprint: String?) { (self.hash, self.thumbprint) = (hash, thumbprint) }

    var questions: [Statement] {
        [Statement("SELECT blocked FROM blocked_keys WHERE key_hash = $1", [hash.sql])]
            + (thumbprint.map { [Statement("SELECT id FROM accounts WHERE thumbprint = $1", [$0.sql])] } ?? [])
    }

    /// - Parameter answers: to `questions`.
    func use(_ answers: some Collection<Answer>) -> KeyUse {
        if answers.first?.rows.isEmpty == false { return .blocked }
        return answers.dropFirst().first?.rows.isEmpty == false ? .account : .free
    }
}

extension AuthorityStore {
    /// - Parameter blockKey: no certificate for this key again (its owner says it is compromised).
    /// - Throws: `notFound`.
    package func revoke(
        issuer: String, serial: [UInt8], at now: Date, reason: Int?, blockKey: Bool = false
    ) async throws(StoreError) -> RevocationOutcome {
        try await commit { (sql) throws(StoreError) in
            guard var found = try Self.certificate(sql, issuer: issuer, serial: serial) else { throw .notFound }
            let blocking = blockKey ? [Self.blocking(found.keyHash, now)] : []
            if let revoked = found.revoked {
                try sql.conclude(blocking)
                return .already(at: revoked.at, reason: revoked.reason)
            }
            let insertion = Statement(
                """
                INSERT INTO revocations (certificate, issuer, serial, revoked, reason, not_after, listed_until)
                VALUES ($1, $2, $3, $4, $5, $6, $7)
                """,
                [
                    found.id.sql, issuer.sql, serial.sql, now.sql, reason.sql(\.sql), found.notAfter.sql,
                    max(found.notAfter, now).sql,
                ])
            let count = Statement(
                """
                INSERT INTO revocation_counts (issuer, number) VALUES ($1, 1)
                ON CONFLICT (issuer) DO UPDATE SET number = revocation_counts.number + 1
                """,
                [issuer.sql])
            // Where another server revokes it between the two, the primary key refuses, and the verb is run again.
            try sql.conclude(blocking + [insertion, count])
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
        try await commit { (sql) throws(StoreError) in try sql.conclude([Self.blocking(hash, now)]) }
    }

    /// - Parameter hash: SHA-256 of the subject public key info.
    package func isKeyBlocked(_ hash: [UInt8]) async throws(StoreError) -> Bool {
        try await read { (sql) throws(StoreError) in
            try sql.row("SELECT blocked FROM blocked_keys WHERE key_hash = $1", [hash.sql]) != nil
        }
    }

    /// What speaks against a key of a certificate, in one reading.
    package func use(of key: KeyToCertify) async throws(StoreError) -> KeyUse {
        try await read(snapshot: key.thumbprint != nil) { (sql) throws(StoreError) in key.use(try sql.batch(key.questions)) }
    }

    private static func blocking(_ hash: [UInt8], _ now: Date) -> Statement {
        Statement(
            "INSERT INTO blocked_keys (key_hash, blocked) VALUES ($1, $2) ON CONFLICT (key_hash) DO NOTHING",
            [hash.sql, now.sql])
    }
}
