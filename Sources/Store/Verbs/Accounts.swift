package import ACME
internal import Foundation

package enum KeyChangeOutcome: Sendable, Equatable {
    case changed
    /// Another account (or this one) has the new key.
    case taken(by: RecordID)
    /// The account's key is no longer the one named, or the account is not valid.
    case stale
}

extension AuthorityStore {
    /// Finds the account of the key, whatever its status, or makes it from `new`.
    package func createAccount(_ new: StoredAccount) async throws(StoreError) -> (account: StoredAccount, created: Bool) {
        let contacts = try JSONColumn.text(new.contacts)
        let found: StoredAccount? = try await commit { (sql) throws(StoreError) in
            let inserted = try sql.run(
                """
                INSERT INTO accounts (id, thumbprint, jwk, status, contacts, terms, created)
                VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (thumbprint) DO NOTHING
                """,
                [
                    new.id.sql, new.key.thumbprint.sql, new.key.canonical.sql, new.status.sql, contacts.sql,
                    new.agreedTerms.sql(\.sql), new.created.sql,
                ])
            if inserted == 1 { return nil }
            guard let found = try Self.account(sql, thumbprint: new.key.thumbprint) else { throw .conflict("the account's id") }
            return found
        }
        return (found ?? new, found == nil)
    }

    package func account(_ id: RecordID) async throws(StoreError) -> StoredAccount? {
        try await read { (sql) throws(StoreError) in
            guard let row = try sql.row("SELECT \(StoredAccount.columns) FROM accounts WHERE id = $1", [id.sql]) else {
                return nil
            }
            return try StoredAccount(row)
        }
    }

    package func account(thumbprint: String) async throws(StoreError) -> StoredAccount? {
        try await read { (sql) throws(StoreError) in try Self.account(sql, thumbprint: thumbprint) }
    }

    /// In the order of their making, behind `cursor`.
    package func accounts(after cursor: RecordID? = nil, limit: Int) async throws(StoreError) -> [StoredAccount] {
        try await read { (sql) throws(StoreError) in
            try sql.rows(
                "SELECT \(StoredAccount.columns) FROM accounts WHERE id > $1 ORDER BY id LIMIT $2",
                [(cursor ?? .first).sql, limit.sql]
            ).map { (row) throws(StoreError) in try StoredAccount(row) }
        }
    }

    /// - Throws: `conflict` unless the account is valid.
    package func updateContacts(_ id: RecordID, _ contacts: [String]) async throws(StoreError) -> StoredAccount {
        let text = try JSONColumn.text(contacts)
        return try await commit { (sql) throws(StoreError) in
            let rows = try sql.rows(
                "UPDATE accounts SET contacts = $1 WHERE id = $2 AND status = 'valid' RETURNING \(StoredAccount.columns)",
                [text.sql, id.sql])
            guard let row = rows.first else { throw .conflict("the account is not valid") }
            try Self.noteAccountChange(sql)
            return try StoredAccount(row)
        }
    }

    /// Notes that the account agrees to the terms of service.
    /// - Parameter terms: their URL.
    /// - Throws: `conflict` unless the account is valid.
    package func agreeToTerms(_ id: RecordID, _ terms: String) async throws(StoreError) {
        try await commit { (sql) throws(StoreError) in
            let changed = try sql.run("UPDATE accounts SET terms = $1 WHERE id = $2 AND status = 'valid'", [terms.sql, id.sql])
            guard changed == 1 else { throw .conflict("the account is not valid") }
            try Self.noteAccountChange(sql)
        }
    }

    /// Also ends its pending orders; what is being issued is finished. Again: unchanged.
    /// - Parameter status: `deactivated` by its owner, `revoked` by the operator.
    /// - Throws: `notFound`.
    @discardableResult
    package func deactivateAccount(
        _ id: RecordID, as status: AccountStatus = .deactivated
    ) async throws(StoreError) -> StoredAccount {
        try await commit { (sql) throws(StoreError) in
            let changed = try sql.run("UPDATE accounts SET status = $1 WHERE id = $2 AND status = 'valid'", [status.sql, id.sql])
            if changed == 1 {
                try sql.run("UPDATE orders SET status = 'invalid' WHERE account = $1 AND status = 'pending'", [id.sql])
                try Self.noteAccountChange(sql)
            }
            guard let row = try sql.row("SELECT \(StoredAccount.columns) FROM accounts WHERE id = $1", [id.sql]) else {
                throw .notFound
            }
            return try StoredAccount(row)
        }
    }

    /// - Parameter thumbprint: of the key that the account had when the change was signed.
    package func changeKey(
        _ account: RecordID, from thumbprint: String, to key: JWK
    ) async throws(StoreError) -> KeyChangeOutcome {
        try await commit { (sql) throws(StoreError) in
            if let row = try sql.row("SELECT id FROM accounts WHERE thumbprint = $1", [key.thumbprint.sql]) {
                return .taken(by: try row.id(0))
            }
            let changed = try sql.run(
                "UPDATE accounts SET thumbprint = $1, jwk = $2 WHERE id = $3 AND thumbprint = $4 AND status = 'valid'",
                [key.thumbprint.sql, key.canonical.sql, account.sql, thumbprint.sql])
            guard changed == 1 else { return .stale }
            try Self.noteAccountChange(sql)
            return .changed
        }
    }

    /// So that servers know when what they remember of accounts is no longer true.
    private static func noteAccountChange(_ sql: any Session) throws(StoreError) {
        try sql.run("UPDATE account_changes SET number = number + 1 WHERE id = 1", [])
    }

    private static func account(_ sql: any Session, thumbprint: String) throws(StoreError) -> StoredAccount? {
        guard
            let row = try sql.row("SELECT \(StoredAccount.columns) FROM accounts WHERE thumbprint = $1", [thumbprint.sql])
        else { return nil }
        return try StoredAccount(row)
    }
}
