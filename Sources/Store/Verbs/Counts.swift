package import Foundation
internal import Synchronization

/// For metrics.
package struct StoreCounts: Sendable, Equatable {
    package var accounts: Int
    package var certificates: Int
    package var revocations: Int
    package var validationsWaiting: Int
    package var issuancesWaiting: Int
    package var intents: Int
}

/// Rows of a table that only grows, as far as they were counted: all before `end`.
struct Tally: Sendable {
    enum Table: String, Sendable { case accounts, certificates }

    var end = RecordID.first
    var number = 0
}

extension AuthorityStore {
    /// Counts what is new since the last call and remembers the rest: only the first call walks whole indexes, some 20,000 rows at a time.
    package func counts() async throws(StoreError) -> StoreCounts {
        let accounts = try await total(.accounts)
        let certificates = try await total(.certificates)
        return try await read(snapshot: true) { (sql) throws(StoreError) in
            func count(_ what: String, _ parameters: [SQLValue]) throws(StoreError) -> Int {
                Int(try sql.row("SELECT COUNT(*) FROM \(what)", parameters)?.integer(0) ?? 0)
            }
            var revocations = 0
            for row in try sql.rows("SELECT number FROM revocation_counts WHERE issuer > $1", ["".sql]) {
                revocations += Int(try row.integer(0))
            }
            return StoreCounts(
                accounts: accounts, certificates: certificates, revocations: revocations,
                validationsWaiting: try count("work WHERE sort = $1", [WorkItem.Sort.validation.sql]),
                issuancesWaiting: try count("work WHERE sort = $1", [WorkItem.Sort.issuance.sql]),
                intents: try count("intents WHERE id > $1", [RecordID.first.sql]))
        }
    }

    private func total(_ table: Tally.Table) async throws(StoreError) -> Int {
        var tally = tallies.withLock { $0[table] ?? Tally() }
        while let next = try await read(snapshot: true, { (sql) throws(StoreError) in try Self.step(tally, table, sql) }) {
            tally = next
        }
        tallies.withLock { [tally] in $0[table] = tally }
        return try await read { (sql) throws(StoreError) in
            let row = try sql.row("SELECT COUNT(*) FROM \(table.rawValue) WHERE id >= $1", [tally.end.sql])
            return tally.number + Int(try row?.integer(0) ?? 0)
        }
    }

    /// - Returns: the tally some rows further; nil: what is left may still get rows between those that are there.
    private static func step(_ tally: Tally, _ table: Tally.Table, _ sql: any Session) throws(StoreError) -> Tally? {
        guard let newest = try sql.row("SELECT id FROM \(table.rawValue) ORDER BY id DESC LIMIT 1", [])?.id(0) else { return nil }
        // Identifiers bear the time of their making, and are stored soon after; a certificate's is its intent's, however late.
        var end = RecordID(at: newest.date.addingTimeInterval(-900), random: 0)
        if table == .certificates,
            let oldest = try sql.row("SELECT id FROM intents WHERE id > $1 ORDER BY id LIMIT 1", [RecordID.first.sql])?.id(0)
        {
            end = min(end, oldest)
        }
        guard end > tally.end else { return nil }
        let size = 20_000
        let beyond = try sql.row(
            "SELECT id FROM \(table.rawValue) WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 1 OFFSET $3",
            [tally.end.sql, end.sql, size.sql])
        if let beyond { return Tally(end: try beyond.id(0), number: tally.number + size) }
        let row = try sql.row("SELECT COUNT(*) FROM \(table.rawValue) WHERE id >= $1 AND id < $2", [tally.end.sql, end.sql])
        return Tally(end: end, number: tally.number + Int(try row?.integer(0) ?? 0))
    }

    /// The latest instant at which something was intended, issued or published; a clock before it is wrong, and nothing
    /// may be signed by it. Nil: nothing was yet.
    package func recordedClock() async throws(StoreError) -> Date? {
        try await read(snapshot: true) { (sql) throws(StoreError) in
            let certificate = try sql.row("SELECT id FROM certificates ORDER BY id DESC LIMIT 1", [])?.id(0).date
            let intent = try sql.row("SELECT id FROM intents ORDER BY id DESC LIMIT 1", [])?.id(0).date
            let list = try sql.row("SELECT this_update FROM crls ORDER BY this_update DESC LIMIT 1", [])?.time(0)
            return [certificate, intent, list].compactMap { $0 }.max()
        }
    }
}
