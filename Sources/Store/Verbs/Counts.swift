package import Foundation

/// For metrics.
package struct StoreCounts: Sendable, Equatable {
    package var accounts: Int
    package var certificates: Int
    package var revocations: Int
    package var validationsWaiting: Int
    package var issuancesWaiting: Int
    package var intents: Int
}

extension AuthorityStore {
    /// Walks whole indexes (some 20 ms per million certificates) beside the writer: not for every request.
    package func counts() async throws(StoreError) -> StoreCounts {
        try await read(snapshot: true) { (sql) throws(StoreError) in
            func count(_ what: String, _ parameters: [SQLValue] = []) throws(StoreError) -> Int {
                Int(try sql.row("SELECT COUNT(*) FROM \(what)", parameters)?.integer(0) ?? 0)
            }
            return StoreCounts(
                accounts: try count("accounts"), certificates: try count("certificates"),
                revocations: try count("revocations"),
                validationsWaiting: try count("work WHERE sort = $1", [WorkItem.Sort.validation.sql]),
                issuancesWaiting: try count("work WHERE sort = $1", [WorkItem.Sort.issuance.sql]),
                intents: try count("intents"))
        }
    }

    /// The latest instant at which something was intended, issued or published; a clock before it is wrong, and nothing
    /// may be signed by it. Nil: nothing was yet.
    package func recordedClock() async throws(StoreError) -> Date? {
        try await read(snapshot: true) { (sql) throws(StoreError) in
            let answers = try sql.batch([
                Statement("SELECT id FROM certificates ORDER BY id DESC LIMIT 1"),
                Statement("SELECT id FROM intents ORDER BY id DESC LIMIT 1"),
                Statement("SELECT this_update FROM crls ORDER BY this_update DESC LIMIT 1"),
            ])
            let certificate = try answers[0].rows.first?.id(0).date
            let intent = try answers[1].rows.first?.id(0).date
            let list = try answers[2].rows.first?.time(0)
            return [certificate, intent, list].compactMap { $0 }.max()
        }
    }
}
