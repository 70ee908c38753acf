package import Foundation

/// How much work of one sort there is, leased or not.
package struct WorkDepth: Sendable, Equatable {
    package var items: Int
    /// When the oldest of it was asked for, whoever has been at it since; nil: there is none.
    package var oldest: Date?
}

extension AuthorityStore {
    /// Looks at each item of the sort: a few, but for an outage.
    package func workDepth(_ sort: WorkItem.Sort) async throws(StoreError) -> WorkDepth {
        try await read { (sql) throws(StoreError) in
            guard let row = try sql.row("SELECT COUNT(*), MIN(since) FROM work WHERE sort = $1", [sort.sql]) else {
                return WorkDepth(items: 0, oldest: nil)
            }
            return WorkDepth(
                items: Int(try row.integer(0)),
                oldest: try row.optional(1) { (row, index) throws(StoreError) in try row.time(index) })
        }
    }

    /// Adds a row and takes it away again, durably: whether the database can be written.
    /// - Throws: what any change would throw.
    package func probe() async throws(StoreError) {
        // No key has so short a hash; an update to the same value would never reach the disk.
        let mark = SQLValue.bytes((0..<8).map { _ in UInt8.random(in: .min ... .max) })
        try await commit { (sql) throws(StoreError) in
            try sql.run("INSERT INTO blocked_keys (key_hash, blocked) VALUES ($1, $2)", [mark, .integer(0)])
            try sql.run("DELETE FROM blocked_keys WHERE key_hash = $1", [mark])
        }
    }
}
