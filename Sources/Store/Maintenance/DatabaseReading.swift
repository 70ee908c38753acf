internal import ACME

/// Records that are made of a row of text of our own: a check reads each as the server would.
private struct Reader: Sendable {
    let table: String
    var source: String?
    let columns: String
    let read: @Sendable (SQLRow) throws(StoreError) -> Void

    static let all = [
        Reader(table: "accounts", columns: StoredAccount.columns) { (row) throws(StoreError) in _ = try StoredAccount(row) },
        Reader(table: "authorizations", columns: StoredAuthorization.columns) { (row) throws(StoreError) in
            _ = try StoredAuthorization(row)
        },
        Reader(table: "intents", columns: Intent.columns) { (row) throws(StoreError) in _ = try Intent(row) },
        Reader(table: "orders", columns: StoredOrder.columns) { (row) throws(StoreError) in _ = try StoredOrder(row) },
    ]
}

extension AuthorityStore {
    /// Rows of which the server could not make what they stand for, and certificates that their names do not lead to.
    func unreadable() async throws(StoreError) -> [DatabaseFinding] {
        var findings: [DatabaseFinding] = []
        for reader in Reader.all {
            let faults = try await walk("SELECT \(reader.columns) FROM \(reader.table) WHERE id > $1 ORDER BY id LIMIT 1000") {
                rows, _ in rows.count { (try? reader.read($0)) == nil }
            }
            findings.append(DatabaseFinding(table: reader.table, what: "cannot be read", rows: faults))
        }
        let query = """
            SELECT \(StoredCertificate.columns) FROM certificates c LEFT JOIN revocations r ON r.certificate = c.id \
            WHERE c.id > $1 ORDER BY c.id LIMIT 1000
            """
        let faults = try await walk(query) { rows, _ in rows.count { (try? StoredCertificate($0)) == nil } }
        findings.append(DatabaseFinding(table: "certificates", what: "cannot be read", rows: faults))
        // From the certificates to their names: there is no index the other way round.
        let unnamed = try await walk(query) { (rows, sql) throws(StoreError) in
            var questions: [Statement] = []
            for certificate in rows.compactMap({ try? StoredCertificate($0) }) {
                for name in Set(certificate.identifiers.map(\.value)) {
                    questions.append(
                        Statement(
                            "SELECT certificate FROM certificate_names WHERE name = $1 AND certificate = $2",
                            [name.sql, certificate.id.sql]))
                }
            }
            return try sql.batch(questions).count { $0.rows.isEmpty }
        }
        findings.append(DatabaseFinding(table: "certificates", what: "can't be found by one of their names", rows: unnamed))
        return findings.filter { $0.rows > 0 }
    }

    /// - Parameter query: of at most 1,000 rows whose first column, an identifier, follows `$1`.
    /// - Returns: the sum of what `count` says of each of its pages.
    private func walk(
        _ query: String, _ count: @escaping @Sendable ([SQLRow], any Session) throws(StoreError) -> Int
    ) async throws(StoreError) -> Int {
        var sum = 0
        var cursor = RecordID.first.sql
        while true {
            let page = try await read { [cursor] (sql) throws(StoreError) in
                let rows = try sql.rows(query, [cursor])
                return (last: rows.last?.values[0], rows: rows.count, counted: try count(rows, sql))
            }
            sum += page.counted
            guard page.rows == 1000, let last = page.last else { return sum }
            cursor = last
        }
    }
}
