package import ACME
package import Foundation

extension AuthorityStore {
    package func authorization(_ id: RecordID) async throws(StoreError) -> StoredAuthorization? {
        try await read { (sql) throws(StoreError) in try Self.authorization(sql, id)?.authorization }
    }

    /// From `pending` or `valid`; again: unchanged. Its waiting work goes with it.
    /// - Throws: `notFound`, also for another account's; `conflict` from any other status.
    @discardableResult
    package func deactivateAuthorization(_ id: RecordID, account: RecordID) async throws(StoreError) -> StoredAuthorization {
        try await commit { (sql) throws(StoreError) in
            guard let (stored, version) = try Self.authorization(sql, id, lock: sql.dialect.forUpdate), stored.account == account
            else { throw .notFound }
            var found = stored
            switch found.status {
            case .deactivated: return found
            case .pending, .valid: break
            default: throw .conflict("the authorization is \(found.status.rawValue)")
            }
            found.status = .deactivated
            try Self.conclude(
                sql, found, version: version, [Statement("DELETE FROM work WHERE subject = $1", [id.sql])])
            return found
        }
    }

    /// Which of the identifiers the account holds a valid authorization for. A wildcard (`*.` before the name) is covered
    /// only by a wildcard's authorization, a plain name only by a plain one's.
    package func validAuthorizations(
        _ account: RecordID, _ identifiers: [Identifier], now: Date
    ) async throws(StoreError) -> Set<Identifier> {
        try await read(snapshot: true) { (sql) throws(StoreError) in
            let answers = try sql.batch(
                identifiers.map { wanted in
                    let wildcard = wanted.value.hasPrefix("*.")
                    let name = wildcard ? String(wanted.value.dropFirst(2)) : wanted.value
                    return Statement(
                        """
                        SELECT id FROM authorizations WHERE account = $1 AND name = $2 AND status = 'valid' AND kind = $3
                        AND wildcard = $4 AND expires > $5 LIMIT 1
                        """,
                        [account.sql, name.sql, wanted.type.sql, wildcard.sql, now.sql])
                })
            return Set(zip(identifiers, answers).filter { !$0.1.rows.isEmpty }.map(\.0))
        }
    }

    static func authorization(
        _ sql: any Session, _ id: RecordID, lock: String = ""
    ) throws(StoreError) -> (authorization: StoredAuthorization, version: Int64)? {
        let query = "SELECT \(StoredAuthorization.columns) FROM authorizations WHERE id = $1\(lock)"
        guard let row = try sql.row(query, [id.sql]) else { return nil }
        return (try StoredAuthorization(row), try row.integer(9))
    }

    /// Status, expiry and challenges; the rest of an authorization never changes. The row must have been read for update.
    /// - Parameters:
    ///   - version: the row's, as it was read.
    ///   - others: what else the verb has to do at its end.
    static func conclude(
        _ sql: any Session, _ changed: StoredAuthorization, version: Int64, _ others: [Statement]
    ) throws(StoreError) {
        let update = Statement(
            """
            UPDATE authorizations SET status = $1, expires = $2, challenges = $3, version = version + 1
            WHERE id = $4 AND version = $5
            """,
            [
                changed.status.sql, changed.expires.sql, try ChallengeColumn.text(changed.challenges).sql, changed.id.sql,
                version.sql,
            ])
        guard try sql.conclude([update] + others)[0].changed == 1 else {
            throw .broken("an authorization changed while it was locked")
        }
    }
}
