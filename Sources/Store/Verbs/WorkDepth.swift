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

    /// Changes nothing, durably: whether the database can be written.
    /// - Throws: what any change would throw.
    package func probe() async throws(StoreError) {
        try await commit { (sql) throws(StoreError) in
            // A change that changes nothing is still a change, which goes to the disk.
            try sql.run("UPDATE migrations SET name = name WHERE version = 1", [])
        }
    }
}
