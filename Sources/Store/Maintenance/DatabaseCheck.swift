internal import Foundation

/// What a check found in one table.
package struct DatabaseFinding: Sendable, Equatable {
    package var table: String
    /// What is wrong with the rows, as a sentence's end.
    package var what: String
    package var rows: Int
}

package struct DatabaseReport: Sendable, Equatable {
    /// In alphabetical order.
    package var rows: [(table: String, rows: Int)]
    package var findings: [DatabaseFinding]

    package static func == (one: DatabaseReport, other: DatabaseReport) -> Bool {
        one.findings == other.findings && one.rows.elementsEqual(other.rows) { $0 == $1 }
    }
}

/// A row that must have another beside it.
private struct Reference {
    let table: String
    /// Which rows of `table` (as `t`) must.
    var condition = "1 = 1"
    /// The other table, and how its row (`r`) is found: along one of its indexes.
    let other: String
    let match: String
    let what: String

    static let all = [
        Reference(table: "orders", other: "accounts", match: "r.id = t.account", what: "have no account"),
        Reference(table: "authorizations", other: "accounts", match: "r.id = t.account", what: "have no account"),
        Reference(
            table: "orders", condition: "t.status = 'valid'", other: "certificates", match: "r.id = t.certificate",
            what: "are valid without a certificate"),
        Reference(
            table: "orders", condition: "t.status = 'processing'", other: "intents", match: "r.id = t.certificate",
            what: "are in process with nothing intended"),
        Reference(
            table: "intents", condition: "t.order_id IS NOT NULL", other: "orders",
            match: "r.id = t.order_id AND r.certificate = t.id", what: "are of no order"),
        Reference(
            table: "certificates", condition: "t.account IS NOT NULL", other: "accounts", match: "r.id = t.account",
            what: "have no account"),
        Reference(
            table: "certificate_names", other: "certificates", match: "r.id = t.certificate", what: "are of no certificate"),
        Reference(
            table: "revocations", other: "certificates",
            match: "r.id = t.certificate AND r.serial = t.serial AND r.issuer = t.issuer", what: "are of no such certificate"),
        Reference(table: "announcements", other: "certificates", match: "r.id = t.certificate", what: "are of no certificate"),
        Reference(
            table: "work", condition: "t.sort = 'issuance'", other: "intents", match: "r.id = t.subject",
            what: "are for nothing intended"),
        Reference(
            table: "work", condition: "t.sort = 'validation'", other: "authorizations", match: "r.id = t.subject",
            what: "are for no authorization"),
        Reference(
            table: "crls", other: "crl_numbers", match: "r.issuer = t.issuer AND r.number >= t.number",
            what: "have a number that was never given"),
    ]
}

extension AuthorityStore {
    /// Looks whether every row can be read and has what it refers to, in one walk along each table: its time grows with the rows, not with their square.
    /// Beside a running server, rows that are being moved may show; a second check tells.
    /// - Parameter progress: told each table as it is begun, for a person.
    package func check(progress: @Sendable (_ table: String) -> Void = { _ in }) async throws(StoreError) -> DatabaseReport {
        let shapes = try await read { (sql) throws(StoreError) in
            if let integrity = sql.dialect.integrity, let found = try sql.row(integrity.sql, integrity.parameters)?.text(0),
                found != "ok"
            {
                throw .corrupt(path: self.path, reason: found)
            }
            return try TableShape.all(sql)
        }
        var report = DatabaseReport(rows: [], findings: [])
        for shape in shapes {
            progress(shape.name)
            let (rows, missing) = try await walk(shape)
            report.rows.append((shape.name, rows))
            let misfits = try await misfits(shape)
            if misfits > 0 {
                report.findings.append(
                    DatabaseFinding(table: shape.name, what: "hold a value of another kind than their column's", rows: misfits))
            }
            for (reference, count) in missing where count > 0 {
                report.findings.append(DatabaseFinding(table: shape.name, what: reference, rows: count))
            }
        }
        progress("rows as records")
        report.findings += try await unreadable()
        let miscounted = try await miscountedIssuers()
        if miscounted > 0 {
            report.findings.append(
                DatabaseFinding(table: "revocation_counts", what: "differ from the revocations there are", rows: miscounted))
        }
        return report
    }

    private func walk(_ shape: TableShape) async throws(StoreError) -> (rows: Int, missing: [(String, Int)]) {
        let references = Reference.all.filter { $0.table == shape.name }
        var missing = references.map { ($0.what, 0) }
        var rows = 0
        var cursor: [SQLValue]?
        while true {
            let (count, end) = try await count(shape, after: cursor)
            rows += count
            for (index, reference) in references.enumerated() where count > 0 {
                let (range, values) = shape.range(after: cursor, through: end, prefix: "t.")
                let query = """
                    SELECT COUNT(*) FROM \(shape.name) t LEFT JOIN \(reference.other) r ON \(reference.match)\
                    \(range.isEmpty ? " WHERE " : range + " AND ")\(reference.condition) AND r.\(reference.key) IS NULL
                    """
                missing[index].1 += try await read { (sql) throws(StoreError) in
                    Int(try sql.row(query, values)?.integer(0) ?? 0)
                }
            }
            guard let end else { return (rows, missing) }
            cursor = end
        }
    }

    /// - Returns: how many rows the next stretch has, and its last one's key; nil: it reaches to the table's end.
    private func count(_ shape: TableShape, after cursor: [SQLValue]?) async throws(StoreError) -> (Int, [SQLValue]?) {
        let size = 5000
        let last = shape.key(after: cursor, offset: size - 1)
        if let row = try await read({ (sql) throws(StoreError) in try sql.row(last.sql, last.parameters) }) {
            return (size, row.values)
        }
        let (range, values) = shape.range(after: cursor, through: nil)
        return (
            try await read { (sql) throws(StoreError) in
                Int(try sql.row("SELECT COUNT(*) FROM \(shape.name)\(range)", values)?.integer(0) ?? 0)
            }, nil
        )
    }

    /// Rows that hold a value of another kind than their column is meant for, where the database itself does not see to that.
    private func misfits(_ shape: TableShape) async throws(StoreError) -> Int {
        try await read { (sql) throws(StoreError) in
            guard let query = sql.dialect.kindsOfTable else { return 0 }
            let conditions = try sql.rows(query, [.text(shape.name)]).map { (row) throws(StoreError) in
                let (name, kind) = (try row.text(0), try row.text(1))
                return "typeof(\(name)) NOT IN ('null', '\(["BIGINT": "integer", "TEXT": "text"][kind] ?? "blob")')"
            }
            let count = "SELECT COUNT(*) FROM \(shape.name) WHERE \(conditions.joined(separator: " OR "))"
            return Int(try sql.row(count, [])?.integer(0) ?? 0)
        }
    }

    private func miscountedIssuers() async throws(StoreError) -> Int {
        try await read(snapshot: true) { (sql) throws(StoreError) in
            var wrong = 0
            for row in try sql.rows("SELECT issuer, number FROM revocation_counts WHERE issuer > $1", ["".sql]) {
                let found = try sql.row("SELECT COUNT(*) FROM revocations WHERE issuer = $1", [row.values[0]])
                if try found?.integer(0) != row.integer(1) { wrong += 1 }
            }
            return wrong
        }
    }
}

extension Reference {
    /// A column of the other table that is never NULL.
    fileprivate var key: String { other == "crl_numbers" ? "issuer" : "id" }
}
