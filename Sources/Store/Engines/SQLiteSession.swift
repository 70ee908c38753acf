internal import GRDB

/// A GRDB connection in the store's words. Statements are prepared once per connection.
struct SQLiteSession: Session {
    let db: Database
    let path: String
    let observer: (@Sendable (String) -> Void)?

    func run(_ sql: String, _ parameters: [SQLValue]) throws(StoreError) -> Int {
        observer?(sql)
        do {
            try SQLiteStatement(sql, in: db).run(parameters)
            return db.changesCount
        } catch {
            throw SQLiteEngine.reason(for: error, path: path)
        }
    }

    func rows(_ sql: String, _ parameters: [SQLValue]) throws(StoreError) -> [SQLRow] {
        observer?(sql)
        do {
            var rows: [SQLRow] = []
            try SQLiteStatement(sql, in: db).run(parameters) { rows.append(SQLRow(values: $0.values)) }
            return rows
        } catch {
            throw SQLiteEngine.reason(for: error, path: path)
        }
    }

    let dialect = Dialect.sqlite

    func batch(_ statements: [Statement]) throws(StoreError) -> [Answer] {
        try statements.map { (statement) throws(StoreError) in
            let rows = try rows(statement.sql, statement.parameters)
            return Answer(rows: rows, changed: db.changesCount)
        }
    }

    func conclude(_ statements: [Statement]) throws(StoreError) -> [Answer] { try batch(statements) }

    func tables() throws(StoreError) -> [String] {
        try rows("SELECT name FROM sqlite_schema WHERE type = 'table'", []).map { (row) throws(StoreError) in try row.text(0) }
    }

    /// Rows that were ever inserted, updated or deleted over the connection.
    var changes: Int { db.totalChangesCount }

    /// BEGIN, COMMIT and their kind. Past GRDB like all statements: its observers, which nobody here uses, do not hear of them.
    func control(_ sql: String) throws(StoreError) {
        do { try SQLiteStatement(sql, in: db).run([]) } catch { throw SQLiteEngine.reason(for: error, path: path) }
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
