internal import Foundation

/// Whether a commit whose answer was lost took place. Each open store has one row, which every transaction that writes sets to a number of
/// its own. After a reconnection the row tells, also on a promoted standby; and whoever asks bars the number, so that a transaction which is
/// still on its way to the database cannot arrive later.
struct PostgreSQLMark: Sendable {
    static let table = """
        CREATE TABLE commit_marks (
            writer BYTEA PRIMARY KEY, mark BIGINT NOT NULL, barred BIGINT NOT NULL, touched BIGINT NOT NULL) WITH (fillfactor = 50)
        """

    private let writer: [UInt8]
    private(set) var number: Int64 = 0

    init() {
        writer = (0..<16).map { _ in .random(in: 0...255) }
    }

    mutating func advance() { number += 1 }

    /// Travels with the commit. A number that is barred becomes NULL, which the column refuses: the transaction fails.
    var statement: Statement {
        Statement(
            """
            INSERT INTO commit_marks (writer, mark, barred, touched) VALUES ($1, $2, 0, $3) ON CONFLICT (writer) DO UPDATE SET
            mark = CASE WHEN commit_marks.mark < excluded.mark THEN excluded.mark END, barred = 0, touched = excluded.touched
            """, [.bytes(writer), .integer(number), Date().sql])
    }

    /// Waits for a transaction that has set the mark and not ended, bars the number unless it is taken, and asks which of the two it is.
    var question: [Statement] {
        [
            Statement(
                """
                INSERT INTO commit_marks (writer, mark, barred, touched) VALUES ($1, $2, 1, $3) ON CONFLICT (writer) DO UPDATE SET
                mark = excluded.mark, barred = 1, touched = excluded.touched WHERE commit_marks.mark < excluded.mark
                """, [.bytes(writer), .integer(number), Date().sql]),
            Statement("SELECT mark, barred FROM commit_marks WHERE writer = $1", [.bytes(writer)]),
        ]
    }

    /// - Parameter answers: to `question`.
    func isCommitted(_ answers: [PostgreSQLAnswer]) -> Bool {
        answers.last?.answer.rows.first?.values == [.integer(number), .integer(0)]
    }

    /// Rows of stores that were closed long ago. A row that is missed comes back with the next commit.
    static func sweep(now: Date) -> Statement {
        Statement("DELETE FROM commit_marks WHERE touched < $1", [now.addingTimeInterval(-30 * 86_400).sql])
    }
}
