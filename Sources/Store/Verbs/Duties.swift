package import Foundation

/// What one server at a time does for all.
package enum Duty: String, Sendable, CaseIterable {
    /// Signing the revocation list.
    case publish
    /// Clearing away what ended long ago.
    case sweep

    static var all: [Duty] { Array(allCases) }
}

/// The right to a duty. Its number is higher than that of every earlier holder: whoever was thought dead and comes back is known by it.
package struct Fence: Sendable, Equatable {
    package var duty: Duty
    package var number: Int64
    package init(_ duty: Duty, _ number: Int64) { (self.duty, self.number) = (duty, number) }
}

extension AuthorityStore {
    /// Takes the duty if nobody has it, or its holder's time is over.
    /// - Parameter until: when it may be taken away even though its holder lives.
    /// - Returns: nil while another has it.
    package func take(_ duty: Duty, owner: String, until: Date, now: Date) async throws(StoreError) -> Fence? {
        try await commit { (sql) throws(StoreError) in
            let row = try sql.row(
                """
                INSERT INTO duties (name, owner, fence, until) VALUES ($1, $2, 1, $3)
                ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, fence = duties.fence + 1, until = excluded.until
                WHERE duties.until <= $4 OR duties.owner = excluded.owner RETURNING fence
                """,
                [duty.sql, owner.sql, until.sql, now.sql])
            return try row.map { (row) throws(StoreError) in Fence(duty, try row.integer(0)) }
        }
    }

    /// Gives it back; nothing happens when it was taken away meanwhile.
    package func give(_ fence: Fence) async throws(StoreError) {
        try await commit { (sql) throws(StoreError) in
            try sql.run(
                "UPDATE duties SET until = 0 WHERE name = $1 AND fence = $2", [fence.duty.sql, fence.number.sql])
        }
    }

    /// For a transaction that only the holder may make.
    /// - Throws: `conflict` when another has taken the duty since.
    static func require(_ fence: Fence, _ sql: any Session) throws(StoreError) {
        let row = try sql.row("SELECT fence FROM duties WHERE name = $1", [fence.duty.sql])
        guard try row?.integer(0) == fence.number else {
            throw .conflict("another server has taken over: \(fence.duty.rawValue)")
        }
    }
}
