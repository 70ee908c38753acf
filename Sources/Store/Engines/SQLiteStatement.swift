internal import GRDB
internal import GRDBSQLite

/// A prepared statement of a connection, in the store's values. GRDB prepares and keeps the statements; binding and reading go to SQLite
/// itself, for GRDB's arguments and rows cost more than the look-up that they serve.
struct SQLiteStatement {
    private let prepared: GRDB.Statement
    private var statement: OpaquePointer { prepared.sqliteStatement }

    /// - Throws: `DatabaseError` for SQL that cannot be prepared.
    init(_ sql: String, in db: Database) throws {
        prepared = try db.cachedStatement(sql: sql)
    }

    /// Runs it to its end and leaves it reset, with nothing bound.
    /// - Parameter row: called at each row.
    /// - Throws: `DatabaseError`; also when there are not as many values as parameters.
    func run(_ parameters: [SQLValue], row: (SQLiteStatement) -> Void = { _ in }) throws {
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        guard Int(sqlite3_bind_parameter_count(statement)) == parameters.count else {
            throw DatabaseError(resultCode: .SQLITE_MISUSE, message: "wrong number of statement arguments")
        }
        for (index, value) in zip(Int32(1)..., parameters) { try check(bind(value, at: index), is: SQLITE_OK) }
        var code = sqlite3_step(statement)
        while code == SQLITE_ROW {
            row(self)
            code = sqlite3_step(statement)
        }
        try check(code, is: SQLITE_DONE)
    }

    /// The present row.
    var values: [SQLValue] { (0..<sqlite3_column_count(statement)).map(value) }

    private func value(_ column: Int32) -> SQLValue {
        switch sqlite3_column_type(statement, column) {
        case SQLITE_INTEGER: .integer(sqlite3_column_int64(statement, column))
        case SQLITE_FLOAT: .text(String(sqlite3_column_double(statement, column)))
        case SQLITE_TEXT: .text(String(decoding: octets(sqlite3_column_text(statement, column), column), as: UTF8.self))
        case SQLITE_BLOB: .bytes([UInt8](octets(sqlite3_column_blob(statement, column), column)))
        default: .null
        }
    }

    /// The length is asked for after the pointer, as SQLite wants it; an empty blob has none.
    private func octets(_ start: UnsafeRawPointer?, _ column: Int32) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(statement, column)))
    }

    /// SQLite takes copies.
    private func bind(_ value: SQLValue, at index: Int32) -> Int32 {
        let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        switch value {
        case .null: return sqlite3_bind_null(statement, index)
        case .integer(let value): return sqlite3_bind_int64(statement, index, value)
        case .text(let value):
            return value.withCString {
                sqlite3_bind_text64(statement, index, $0, UInt64(value.utf8.count), copied, UInt8(SQLITE_UTF8))
            }
        // Without an address it would become NULL.
        case .bytes(let value) where value.isEmpty: return sqlite3_bind_zeroblob(statement, index, 0)
        case .bytes(let value):
            return value.withUnsafeBytes { sqlite3_bind_blob64(statement, index, $0.baseAddress, UInt64($0.count), copied) }
        }
    }

    private func check(_ code: Int32, is wanted: Int32) throws {
        guard code != wanted else { return }
        throw DatabaseError(
            resultCode: ResultCode(rawValue: code), message: String(cString: sqlite3_errmsg(sqlite3_db_handle(statement))))
    }
}
