internal import Foundation

extension AuthorityStore {
    /// Kept for as long as certificates of it may be asked for; again: the chain is replaced.
    package func saveIssuer(_ issuer: StoredIssuer) async throws(StoreError) {
        let chain = issuer.chain.map { Data($0).base64EncodedString() }.joined(separator: "\n")
        try await commit { (sql) throws(StoreError) in
            try sql.conclude(
                """
                INSERT INTO issuers (id, chain, created) VALUES ($1, $2, $3)
                ON CONFLICT (id) DO UPDATE SET chain = excluded.chain
                """,
                [issuer.id.sql, chain.sql, issuer.created.sql])
        }
    }

    package func issuers() async throws(StoreError) -> [StoredIssuer] {
        try await read { (sql) throws(StoreError) in
            try sql.rows("SELECT id, chain, created FROM issuers WHERE id > $1 ORDER BY id", ["".sql])
                .map { (row) throws(StoreError) in
                    let chain = try row.text(1).split(separator: "\n").map { (line) throws(StoreError) -> [UInt8] in
                        guard let der = Data(base64Encoded: String(line)) else {
                            throw .broken("an issuer's chain is unreadable")
                        }
                        return [UInt8](der)
                    }
                    return StoredIssuer(id: try row.text(0), chain: chain, created: try row.time(2))
                }
        }
    }
}
