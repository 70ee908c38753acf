internal import ACME
package import Foundation

extension AuthorityStore {
    /// - Returns: false when the certificate that it replaces is replaced already; then nothing is written.
    /// - Throws: `conflict` unless the account is valid; then nothing is written.
    @discardableResult
    package func createOrder(_ order: StoredOrder, _ authorizations: [StoredAuthorization]) async throws(StoreError) -> Bool {
        let identifiers = try IdentifierColumn.text(order.identifiers)
        return try await commit { (sql) throws(StoreError) in
            guard try Self.claimReplacement(order, sql) else { return false }
            let account = try sql.row("SELECT status FROM accounts WHERE id = $1", [order.account.sql])
            guard account?.values == [.text(AccountStatus.valid.rawValue)] else { throw .conflict("the account is not valid") }
            try sql.run(
                """
                INSERT INTO orders
                (id, account, status, identifiers, authorizations, not_before, not_after, created, expires, replaces)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                """,
                [
                    order.id.sql, order.account.sql, order.status.sql, identifiers.sql,
                    order.authorizations.flatMap(\.bytes).sql, order.notBefore.sql(\.sql), order.notAfter.sql(\.sql),
                    order.created.sql, order.expires.sql, order.replaces.sql(\.sql),
                ])
            for new in authorizations { try Self.insert(new, sql) }
            return true
        }
    }

    package func order(_ id: RecordID) async throws(StoreError) -> OrderWithAuthorizations? {
        try await read(snapshot: true) { (sql) throws(StoreError) in try Self.order(sql, id) }
    }

    /// An account's orders in the order of their making, behind `cursor`.
    package func orders(
        of account: RecordID, after cursor: RecordID? = nil, limit: Int
    ) async throws(StoreError) -> [StoredOrder] {
        try await read { (sql) throws(StoreError) in
            try sql.rows(
                "SELECT \(StoredOrder.columns) FROM orders WHERE account = $1 AND id > $2 ORDER BY id LIMIT $3",
                [account.sql, (cursor ?? .first).sql, limit.sql]
            ).map { (row) throws(StoreError) in try StoredOrder(row) }
        }
    }

    /// Which of these have come to nothing by `now`, be it written on them or only on what they wait for.
    package func invalid(among orders: [StoredOrder], now: Date) async throws(StoreError) -> Set<RecordID> {
        try await read(snapshot: true) { (sql) throws(StoreError) in
            var invalid: Set<RecordID> = []
            for order in orders where order.status != .valid {
                if try Self.order(sql, order.id)?.status(at: now) ?? .invalid == .invalid { invalid.insert(order.id) }
            }
            return invalid
        }
    }

    /// Everybody's orders, in the order of their making, behind `cursor`.
    package func orders(after cursor: RecordID? = nil, limit: Int) async throws(StoreError) -> [StoredOrder] {
        try await read { (sql) throws(StoreError) in
            try sql.rows(
                "SELECT \(StoredOrder.columns) FROM orders WHERE id > $1 ORDER BY id LIMIT $2",
                [(cursor ?? .first).sql, limit.sql]
            ).map { (row) throws(StoreError) in try StoredOrder(row) }
        }
    }

    static func order(_ sql: any Session, _ id: RecordID) throws(StoreError) -> OrderWithAuthorizations? {
        guard let row = try sql.row("SELECT \(StoredOrder.columns) FROM orders WHERE id = $1", [id.sql]) else { return nil }
        let order = try StoredOrder(row)
        var authorizations: [StoredAuthorization] = []
        for id in order.authorizations {
            if let found = try authorization(sql, id) { authorizations.append(found.authorization) }
        }
        return OrderWithAuthorizations(order: order, authorizations: authorizations)
    }

    private static func insert(_ new: StoredAuthorization, _ sql: any Session) throws(StoreError) {
        try sql.run(
            """
            INSERT INTO authorizations (id, account, kind, name, wildcard, status, expires, token, challenges, version)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)
            """,
            [
                new.id.sql, new.account.sql, new.identifier.type.sql, new.identifier.value.sql, new.wildcard.sql,
                new.status.sql, new.expires.sql, new.token.sql, try ChallengeColumn.text(new.challenges).sql,
            ])
    }
}
