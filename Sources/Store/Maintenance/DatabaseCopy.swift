internal import Crypto
internal import Foundation

/// What one table became.
package struct CopiedTable: Sendable, Equatable {
    package var name: String
    /// Rows that both databases now hold.
    package var rows: Int
    /// Rows that this run brought over; the rest were there from an earlier one.
    package var written: Int
    /// SHA-256 over all rows in the key's order, alike in both databases.
    package var digest: [UInt8]
}

/// Makes one database the image of another: compares them range by range along their keys, and writes what differs. So a second run
/// finishes what the first began, or brings over what has changed since, at the price of reading.
package struct DatabaseCopy: Sendable {
    let source: AuthorityStore
    let target: AuthorityStore
    /// Rows compared at a time.
    let batch: Int
    /// Tables whose rows show that a database is somebody's.
    private static let telling: Set<String> = ["accounts", "orders", "certificates", "issuers", "founding", "crls"]

    /// - Parameter target: of the same schema; empty, or a copy of this source that was begun before.
    package init(from source: AuthorityStore, to target: AuthorityStore, batch: Int = 1000) {
        (self.source, self.target, self.batch) = (source, target, batch)
    }

    /// - Parameters:
    ///   - isPreliminary: the source may change meanwhile; the target stays a copy under way, and nothing is verified.
    ///   - progress: told each table's name and rows as they come, for a person.
    /// - Returns: in alphabetical order.
    /// - Throws: `conflict` for a target that holds something of its own, or when the source changes while it is copied.
    package func run(
        isPreliminary: Bool = false, progress: @Sendable (_ table: String, _ rows: Int) -> Void = { _, _ in }
    ) async throws(StoreError) -> [CopiedTable] {
        let shapes = try await source.read { (sql) throws(StoreError) in try TableShape.all(sql) }
        let others = try await target.read { (sql) throws(StoreError) in try TableShape.all(sql) }
        guard shapes == others else {
            throw .conflict("the two databases have different tables: run `chanceryd database migrate` on both")
        }
        try await begin(shapes)
        var copied: [CopiedTable] = []
        for shape in shapes {
            let (rows, written) = try await copy(shape, progress)
            copied.append(CopiedTable(name: shape.name, rows: rows, written: written, digest: []))
        }
        if isPreliminary { return copied }
        // Read once more from the beginning: what was written is looked at as it is now, not as it was meant.
        for (index, shape) in shapes.enumerated() {
            let (wanted, found) = (try await digest(shape, of: source), try await digest(shape, of: target))
            guard wanted == found, wanted.rows == copied[index].rows else {
                throw .conflict(
                    "\(shape.name) has changed while it was copied: stop the servers of the source and run the copy again")
            }
            copied[index].digest = wanted.digest
        }
        try await target.commit { (sql) throws(StoreError) in try sql.run("DROP TABLE copy_under_way", []) }
        return copied
    }

    /// Marks the target, so that no server serves half a copy, and an empty target can be told from somebody's.
    private func begin(_ shapes: [TableShape]) async throws(StoreError) {
        try await target.commit { (sql) throws(StoreError) in
            if try sql.tables().contains("copy_under_way") { return }
            for shape in shapes {
                // Some tables are never empty.
                guard Self.telling.contains(shape.name) else { continue }
                guard try sql.rows(shape.page(after: nil, limit: 1).sql, [.integer(1)]).isEmpty else {
                    throw .conflict("the target's \(shape.name) are not empty: copy into a new database")
                }
            }
            try sql.run("CREATE TABLE copy_under_way (began BIGINT PRIMARY KEY)", [])
        }
    }

    private func copy(
        _ shape: TableShape, _ progress: @Sendable (String, Int) -> Void
    ) async throws(StoreError) -> (rows: Int, written: Int) {
        var (rows, written) = (0, 0)
        var cursor: [SQLValue]?
        while true {
            let page = shape.page(after: cursor, limit: batch)
            let wanted = try await source.read { (sql) throws(StoreError) in try sql.rows(page.sql, page.parameters) }
            let isLast = wanted.count < batch
            let end = isLast ? nil : wanted.last.map(shape.key(of:))
            let range = shape.rows(after: cursor, through: end)
            let found = try await target.read { (sql) throws(StoreError) in try sql.rows(range.sql, range.parameters) }
            if found != wanted {
                let deletion = found.isEmpty ? [] : [shape.deletion(after: cursor, through: end)]
                let statements = deletion + wanted.map(shape.insertion)
                do throws(StoreError) {
                    try await target.commit { (sql) throws(StoreError) in try sql.conclude(statements) }
                } catch .broken(let what) {
                    // SQLite keeps any value in any column; PostgreSQL does not.
                    throw .corrupt(path: source.path, reason: "the other database refuses a row of its \(shape.name): \(what)")
                }
                written += wanted.count
            }
            rows += wanted.count
            progress(shape.name, rows)
            if isLast { return (rows, written) }
            cursor = end
        }
    }

    private struct Digest: Equatable {
        var rows: Int
        var digest: [UInt8]
    }

    private func digest(_ shape: TableShape, of store: AuthorityStore) async throws(StoreError) -> Digest {
        var (hash, rows) = (SHA256(), 0)
        var cursor: [SQLValue]?
        while true {
            let page = shape.page(after: cursor, limit: batch)
            let found = try await store.read { (sql) throws(StoreError) in try sql.rows(page.sql, page.parameters) }
            var octets: [UInt8] = []
            for row in found { for value in row.values { value.appendDigested(to: &octets) } }
            hash.update(data: octets)
            rows += found.count
            guard found.count == batch, let last = found.last else { return Digest(rows: rows, digest: Array(hash.finalize())) }
            cursor = shape.key(of: last)
        }
    }
}

extension SQLValue {
    /// Kind, length and octets: no two rows look alike.
    fileprivate func appendDigested(to octets: inout [UInt8]) {
        let start = octets.count
        octets += [0, 0, 0, 0, 0]
        appendBinary(to: &octets)
        let count = octets.count - start - 5
        octets[start] =
            switch self {
            case .null: 0
            case .integer: 1
            case .text: 2
            case .bytes: 3
            }
        for place in 0..<4 { octets[start + 1 + place] = UInt8(truncatingIfNeeded: count >> (24 - 8 * place)) }
    }
}
