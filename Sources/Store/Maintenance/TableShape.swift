internal import Foundation

/// A table as the database itself tells it, so that copying and checking forget no column of a later migration.
struct TableShape: Sendable, Equatable {
    let name: String
    /// In the order of their names, which both engines give alike.
    let columns: [String]
    /// The primary key, in its order.
    let key: [String]

    /// Tables of the schema whose rows are worth keeping. Left out: what each database has of its own, and what servers tell one
    /// another while they run.
    static let leftOut: Set<String> = [
        "migrations", "commit_marks", "copy_under_way", "servers", "nonce_epochs", "spent_nonces",
    ]

    static func all(_ sql: any Session) throws(StoreError) -> [TableShape] {
        try sql.tables().filter { !leftOut.contains($0) && !$0.hasPrefix("sqlite_") }.sorted().map { (name) throws(StoreError) in
            let columns = try sql.rows(sql.dialect.columnsOfTable, [.text(name)]).map { (row) throws(StoreError) in
                (name: try row.text(0), key: try row.integer(1))
            }
            let key = columns.filter { $0.key > 0 }.sorted { $0.key < $1.key }.map(\.name)
            guard !key.isEmpty else { throw .broken("the table \(name) has no primary key") }
            return TableShape(name: name, columns: columns.map(\.name).sorted(), key: key)
        }
    }

    // MARK: Statements

    private var list: String { columns.joined(separator: ", ") }
    private var keyList: String { key.joined(separator: ", ") }
    private func places(from first: Int) -> String { key.indices.map { "$\($0 + first)" }.joined(separator: ", ") }
    /// A comparison of one column, or of several as a row.
    private func compare(_ sign: String, from first: Int, prefix: String = "") -> String {
        let names = key.map { prefix + $0 }.joined(separator: ", ")
        return key.count == 1 ? "\(names) \(sign) $\(first)" : "(\(names)) \(sign) (\(places(from: first)))"
    }

    func key(of row: SQLRow) -> [SQLValue] { key.map { name in row.values[columns.firstIndex(of: name) ?? 0] } }

    /// The next rows behind `cursor`, in the key's order.
    func page(after cursor: [SQLValue]?, limit: Int) -> Statement {
        let behind = cursor == nil ? "" : " WHERE \(compare(">", from: 1))"
        return Statement(
            "SELECT \(list) FROM \(name)\(behind) ORDER BY \(keyList) LIMIT $\((cursor?.count ?? 0) + 1)",
            (cursor ?? []) + [.integer(Int64(limit))])
    }

    /// The key of the row that lies so far behind `cursor`.
    func key(after cursor: [SQLValue]?, offset: Int) -> Statement {
        let behind = cursor == nil ? "" : " WHERE \(compare(">", from: 1))"
        return Statement(
            "SELECT \(keyList) FROM \(name)\(behind) ORDER BY \(keyList) LIMIT 1 OFFSET \(offset)", cursor ?? [])
    }

    /// All rows behind `cursor` up to `end`, or up to the table's end.
    /// - Parameter prefix: of the key's columns, where the statement has several tables.
    func range(
        after cursor: [SQLValue]?, through end: [SQLValue]?, prefix: String = ""
    ) -> (condition: String, values: [SQLValue]) {
        var conditions: [String] = []
        if cursor != nil { conditions.append(compare(">", from: 1, prefix: prefix)) }
        if end != nil { conditions.append(compare("<=", from: 1 + (cursor?.count ?? 0), prefix: prefix)) }
        return (conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND "), (cursor ?? []) + (end ?? []))
    }

    func rows(after cursor: [SQLValue]?, through end: [SQLValue]?) -> Statement {
        let (condition, values) = range(after: cursor, through: end)
        return Statement("SELECT \(list) FROM \(name)\(condition) ORDER BY \(keyList)", values)
    }

    func deletion(after cursor: [SQLValue]?, through end: [SQLValue]?) -> Statement {
        let (condition, values) = range(after: cursor, through: end)
        return Statement("DELETE FROM \(name)\(condition)", values)
    }

    func insertion(_ row: SQLRow) -> Statement {
        Statement(
            "INSERT INTO \(name) (\(list)) VALUES (\(columns.indices.map { "$\($0 + 1)" }.joined(separator: ", ")))", row.values)
    }
}
