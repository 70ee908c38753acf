internal import Foundation
internal import GRDB

/// A GRDB connection in the store's words. Statements are prepared once per connection.
struct SQLiteSession: Session {
    let db: Database
    let path: String
    let observer: (@Sendable (String) -> Void)?

    func run(_ sql: String, _ parameters: [SQLValue]) throws(StoreError) -> Int {
        observer?(sql)
        do {
            let statement = try db.cachedStatement(sql: sql)
            try statement.execute(arguments: SQLValue.arguments(parameters))
            return db.changesCount
        } catch {
            throw SQLiteEngine.reason(for: error, path: path)
        }
    }

    func rows(_ sql: String, _ parameters: [SQLValue]) throws(StoreError) -> [SQLRow] {
        observer?(sql)
        do {
            let statement = try db.cachedStatement(sql: sql)
            let cursor = try Row.fetchCursor(statement, arguments: SQLValue.arguments(parameters))
            var rows: [SQLRow] = []
            while let row = try cursor.next() {
                rows.append(SQLRow(values: row.databaseValues.map(SQLValue.init)))
            }
            return rows
        } catch {
            throw SQLiteEngine.reason(for: error, path: path)
        }
    }

    func tables() throws(StoreError) -> [String] {
        try rows("SELECT name FROM sqlite_schema WHERE type = 'table'", []).map { (row) throws(StoreError) in try row.text(0) }
    }

    /// BEGIN, COMMIT and their kind.
    func control(_ sql: String) throws(StoreError) {
        do { try db.cachedStatement(sql: sql).execute() } catch { throw SQLiteEngine.reason(for: error, path: path) }
    }

    /// - Returns: the error that undoes the verb alone.
    /// - Throws: the error that ends the transaction, which SQLite may have ended itself (disk full, device).
    func outcome(of verb: Verb) throws(StoreError) -> StoreError? {
        do throws(StoreError) {
            try verb(self)
            return nil
        } catch {
            if error.endsTransaction || !db.isInsideTransaction { throw error }
            return error
        }
    }
}

extension SQLValue {
    /// Given as optional existentials: GRDB takes a sequence of one type through a key path made anew for every statement,
    /// which costs more than the look-up.
    fileprivate static func arguments(_ values: [SQLValue]) -> StatementArguments {
        StatementArguments(
            values.map { value -> (any DatabaseValueConvertible)? in
                switch value {
                case .null: nil
                case .integer(let value): value
                case .text(let value): value
                case .bytes(let value): Data(value)
                }
            })
    }

    fileprivate init(_ value: DatabaseValue) {
        switch value.storage {
        case .null: self = .null
        case .int64(let value): self = .integer(value)
        case .double(let value): self = .text(String(value))
        case .string(let value): self = .text(value)
        case .blob(let value): self = .bytes([UInt8](value))
        }
    }
}
