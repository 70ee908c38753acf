internal import Foundation

/// The words in which the engines' SQL differs, all of them. SQLite has one writer at a time; on PostgreSQL several servers write at
/// once under READ COMMITTED, so that a verb which judges a row and then acts on it must hold the row meanwhile.
///
/// Rows are locked in one order everywhere, so that verbs wait for one another and never in a circle: account, order, authorizations by
/// their order's order, intent, work.
struct Dialect: Sendable {
    /// Behind a SELECT: nobody else may change or lock these rows until the transaction ends.
    let forUpdate: String
    /// Behind a SELECT: nobody may change these rows until the transaction ends.
    let forShare: String
    /// Behind a SELECT: locks the rows that nobody holds, and leaves the others out.
    let forUpdateSkipLocked: String
    /// Waits until no other transaction migrates the same schema.
    let migrationLock: Statement?
    /// Tables that only this engine needs; they go with the first migration.
    let ownTables: [String]
    /// Clears away what `ownTables` need no longer, at each start.
    let upkeep: @Sendable (_ now: Date) -> [Statement]
    /// Name of each column of the table `$1`, and its place in the primary key, from 1; 0: not in it.
    let columnsOfTable: String
    /// Name and declared type of each column of the table `$1`, where its rows may yet hold values of other types.
    let kindsOfTable: String?
    /// Walks the whole file; its first row says `ok`, or what is wrong.
    let integrity: Statement?
    /// What the schema's statements must become.
    let definition: @Sendable (String) -> String
    /// One query for an order's authorizations in their order; nil: a look-up for each costs less.
    let authorizationsOfOrder: (@Sendable (_ columns: String, _ lock: String) -> String)?

    /// `table` as `r`, joined with the certificate as `c` that its column `key` names: walked in this order, though a planner that knows no
    /// numbers yet may think the other way shorter.
    let certificatesNamed: @Sendable (_ table: String, _ key: String) -> String

    static let sqlite = Dialect(
        forUpdate: "", forShare: "", forUpdateSkipLocked: "", migrationLock: nil, ownTables: [], upkeep: { _ in [] },
        columnsOfTable: "SELECT name, pk FROM pragma_table_info($1)",
        kindsOfTable: "SELECT name, type FROM pragma_table_info($1)", integrity: Statement("PRAGMA quick_check(1)", []),
        definition: { $0.replacingOccurrences(of: "UNLOGGED ", with: "") },
        authorizationsOfOrder: nil, certificatesNamed: { table, key in "\(table) r JOIN certificates c ON c.id = r.\(key)" })

    static let postgreSQL = Dialect(
        forUpdate: " FOR UPDATE", forShare: " FOR SHARE", forUpdateSkipLocked: " FOR UPDATE SKIP LOCKED",
        // The number is arbitrary and must never change: "chancery" in ASCII.
        migrationLock: Statement(
            "SELECT pg_advisory_xact_lock(hashtextextended(current_schema()::text, $1))", [.integer(0x6368_616E_6365_7279)]),
        ownTables: [PostgreSQLMark.table],
        upkeep: { now in [PostgreSQLMark.sweep(now: now)] },
        columnsOfTable: """
            SELECT a.attname::text, COALESCE(array_position(i.indkey::int2[], a.attnum) + 1, 0)::bigint FROM pg_class c \
            JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid \
            LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary \
            WHERE n.nspname = current_schema() AND c.relname = $1 AND a.attnum > 0 AND NOT a.attisdropped
            """,
        kindsOfTable: nil, integrity: nil,
        definition: { sql in
            // Texts are compared byte by byte, as SQLite does, whatever the database's locale is.
            sql.replacingOccurrences(of: #"\)\s+WITHOUT ROWID"#, with: ")", options: .regularExpression)
                .replacingOccurrences(of: " TEXT", with: " TEXT COLLATE \"C\"")
        },
        authorizationsOfOrder: { columns, lock in
            """
            SELECT \(columns.split(separator: ", ").map { "a.\($0)" }.joined(separator: ", ")) FROM orders o \
            CROSS JOIN LATERAL generate_series(1, length(o.authorizations), 16) place CROSS JOIN LATERAL \
            (SELECT * FROM authorizations WHERE id = substr(o.authorizations, place, 16) OFFSET 0\(lock)) a \
            WHERE o.id = $1 ORDER BY place
            """
        },
        certificatesNamed: { table, key in
            "\(table) r CROSS JOIN LATERAL (SELECT * FROM certificates WHERE id = r.\(key) OFFSET 0) c"
        })
}
