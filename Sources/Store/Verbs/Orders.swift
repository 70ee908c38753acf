internal import ACME
package import Foundation

extension AuthorityStore {
    /// - Throws: `conflict` unless the account is valid; then nothing is written.
    package func createOrder(_ order: StoredOrder, _ authorizations: [StoredAuthorization]) async throws(StoreError) {
        let identifiers = try IdentifierColumn.text(order.identifiers)
        try await commit { (sql) throws(StoreError) in
            // Each of them writes only where the first found the account valid, and it stays so until the commit.
            let insertion = Statement(
                """
                INSERT INTO orders (id, account, status, identifiers, authorizations, not_before, not_after, created, expires)
                SELECT $1, id, $2, $3, $4, $5, $6, $7, $8 FROM accounts WHERE id = $9 AND status = 'valid'\(sql.dialect.forShare)
                """,
                [
                    order.id.sql, order.status.sql, identifiers.sql, order.authorizations.flatMap(\.bytes).sql,
                    order.notBefore.sql(\.sql), order.notAfter.sql(\.sql), order.created.sql, order.expires.sql,
                    order.account.sql,
                ])
            let answers = try sql.conclude(
                [insertion] + authorizations.map { (new) throws(StoreError) in try Self.insertion(new, of: order.id) })
            guard answers[0].changed == 1 else { throw .conflict("the account is not valid") }
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
        try order(sql, id, besides: []).found
    }

    /// - Parameters:
    ///   - isLocked: nobody may change the order, nor what it waits for, until the transaction ends.
    ///   - others: statements that travel along.
    static func order(
        _ sql: any Session, _ id: RecordID, isLocked: Bool = false, besides others: [Statement]
    ) throws(StoreError) -> (found: OrderWithAuthorizations?, others: [Answer]) {
        let lock = isLocked ? sql.dialect.forUpdate : ""
        var statements = [Statement("SELECT \(StoredOrder.columns) FROM orders WHERE id = $1\(lock)", [id.sql])]
        let together = sql.dialect.authorizationsOfOrder?(StoredAuthorization.columns, isLocked ? sql.dialect.forShare : "")
        if let together { statements.append(Statement(together, [id.sql])) }
        let answers = try sql.batch(statements + others)
        let rest = Array(answers.dropFirst(statements.count))
        guard let row = answers[0].rows.first else { return (nil, rest) }
        let order = try StoredOrder(row)
        var authorizations: [StoredAuthorization] = []
        if together != nil {
            authorizations = try answers[1].rows.map { (row) throws(StoreError) in try StoredAuthorization(row) }
        } else {
            for id in order.authorizations {
                if let found = try authorization(sql, id) { authorizations.append(found.authorization) }
            }
        }
        return (OrderWithAuthorizations(order: order, authorizations: authorizations), rest)
    }

    private static func insertion(_ new: StoredAuthorization, of order: RecordID) throws(StoreError) -> Statement {
        Statement(
            """
            INSERT INTO authorizations (id, account, kind, name, wildcard, status, expires, token, challenges, version)
            SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, 0 FROM orders WHERE id = $10
            """,
            [
                new.id.sql, new.account.sql, new.identifier.type.sql, new.identifier.value.sql, new.wildcard.sql,
                new.status.sql, new.expires.sql, new.token.sql, try ChallengeColumn.text(new.challenges).sql, order.sql,
            ])
    }
}
