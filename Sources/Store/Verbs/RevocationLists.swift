internal import Foundation

extension AuthorityStore {
    /// Takes the next number: no two calls get the same, across restarts too; numbers of lists that were never saved
    /// are gaps. From 1.
    package func nextCRLNumber(issuer: String) async throws(StoreError) -> Int64 {
        try await commit { (sql) throws(StoreError) in
            let rows = try sql.rows(
                """
                INSERT INTO crl_numbers (issuer, number) VALUES ($1, 1)
                ON CONFLICT (issuer) DO UPDATE SET number = crl_numbers.number + 1 RETURNING number
                """,
                [issuer.sql])
            guard let row = rows.first else { throw .broken("no CRL number came back") }
            return try row.integer(0)
        }
    }

    /// Replaces the issuer's last list.
    /// - Parameter fence: the right to do so, where several servers could.
    /// - Throws: `conflict` unless the number rises, `thisUpdate` does not go back, and the fence is the newest.
    package func saveCRL(_ list: StoredRevocationList, fence: Fence? = nil) async throws(StoreError) {
        try await commit { (sql) throws(StoreError) in
            if let fence { try Self.require(fence, sql) }
            let changed = try sql.run(
                """
                INSERT INTO crls (issuer, number, der, this_update, next_update, revocations) VALUES ($1, $2, $3, $4, $5, $6)
                ON CONFLICT (issuer) DO UPDATE SET number = excluded.number, der = excluded.der,
                this_update = excluded.this_update, next_update = excluded.next_update, revocations = excluded.revocations
                WHERE excluded.number > crls.number AND excluded.this_update >= crls.this_update
                """,
                [
                    list.issuer.sql, list.number.sql, list.der.sql, list.thisUpdate.sql, list.nextUpdate.sql,
                    list.revocations.sql,
                ])
            guard changed == 1 else { throw .conflict("a newer revocation list is saved already") }
        }
    }

    package func latestCRL(issuer: String) async throws(StoreError) -> StoredRevocationList? {
        try await read { (sql) throws(StoreError) in
            let query = "SELECT issuer, number, der, this_update, next_update, revocations FROM crls WHERE issuer = $1"
            guard let row = try sql.row(query, [issuer.sql]) else { return nil }
            return StoredRevocationList(
                issuer: try row.text(0), number: try row.integer(1), der: try row.bytes(2), thisUpdate: try row.time(3),
                nextUpdate: try row.time(4), revocations: try row.integer(5))
        }
    }

    /// Two short rows, however many revocations there are.
    package func publicationState(issuer: String) async throws(StoreError) -> PublicationState {
        try await read(snapshot: true) { (sql) throws(StoreError) in
            let count = try sql.row("SELECT number FROM revocation_counts WHERE issuer = $1", [issuer.sql])?.integer(0) ?? 0
            let query = "SELECT number, this_update, next_update, revocations FROM crls WHERE issuer = $1"
            guard let row = try sql.row(query, [issuer.sql]) else { return PublicationState(revocations: count, newest: nil) }
            return PublicationState(
                revocations: count,
                newest: RevocationListHead(
                    number: try row.integer(0), thisUpdate: try row.time(1), nextUpdate: try row.time(2),
                    revocations: try row.integer(3)))
        }
    }
}
