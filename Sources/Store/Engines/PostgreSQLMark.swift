internal import Foundation

/// Whether a commit whose answer was lost took place. Each open store has one row, which every transaction that writes sets to a number of
/// its own: after a reconnection the row tells, also on a promoted standby. Whoever asks locks it, and so waits for a
/// transaction that is still under way.
struct PostgreSQLMark: Sendable {
    static let table = """
        CREATE TABLE commit_marks (writer BYTEA PRIMARY KEY, mark BIGINT NOT NULL, touched BIGINT NOT NULL) WITH (fillfactor = 50)
        """

    private let writer: [UInt8]
    private(set) var number: Int64 = 0

    init() {
        writer = (0..<16).map { _ in .random(in: 0...255) }
    }

    mutating func advance() { number += 1 }

    /// Travels with the commit.
    var statement: Statement {
        Statement(
            """
            INSERT INTO commit_marks (writer, mark, touched) VALUES ($1, $2, $3)
            ON CONFLICT (writer) DO UPDATE SET mark = excluded.mark, touched = excluded.touched
            """, [.bytes(writer), .integer(number), Date().sql])
    }

    /// Answers with `number` if the transaction that carried it is committed.
    var question: Statement { Statement("SELECT mark FROM commit_marks WHERE writer = $1 FOR UPDATE", [.bytes(writer)]) }

    /// Rows of stores that were closed long ago. A row that is missed comes back with the next commit.
    static func sweep(now: Date) -> Statement {
        Statement("DELETE FROM commit_marks WHERE touched < $1", [now.addingTimeInterval(-30 * 86_400).sql])
    }
}
