internal import Faults

/// A transaction, or a reading, on one connection. BEGIN travels with the first statements, COMMIT with the last where a verb says which
/// those are.
final class PostgreSQLSession: Session {
    /// How far the transaction has come.
    private enum Stage { case unopened, open, committed, failed }

    private let connection: PostgreSQLConnection
    private let begin: Statement?
    /// What a commit carries along.
    private let mark: Statement?
    private var stage = Stage.unopened
    private(set) var failure: PostgreSQLFailure?
    /// Something was written since the session, or the present verb, began.
    private(set) var hasWritten = false
    var verbHasWritten = false
    /// The commit was on its way when the failure came.
    private(set) var isCommitInDoubt = false
    /// The present verb is the last: its conclusion may carry the commit.
    var isLast = false
    private let trips: PostgreSQLTrips
    private let place: String
    private let observer: (@Sendable (String) -> Void)?

    let dialect = Dialect.postgreSQL

    /// - Parameters:
    ///   - begin: nil: each message is a transaction of its own.
    ///   - mark: nil: nobody will ask whether the commit took place.
    ///   - trips: counts the messages.
    init(
        _ connection: PostgreSQLConnection, begin: Statement?, mark: Statement? = nil, place: String,
        observer: (@Sendable (String) -> Void)? = nil, trips: PostgreSQLTrips
    ) {
        (self.connection, self.begin, self.mark) = (connection, begin, mark)
        (self.place, self.observer, self.trips) = (place, observer, trips)
    }

    func run(_ sql: String, _ parameters: [SQLValue]) throws(StoreError) -> Int {
        try exchange([Statement(sql, parameters)]).first?.changed ?? 0
    }

    func rows(_ sql: String, _ parameters: [SQLValue]) throws(StoreError) -> [SQLRow] {
        try exchange([Statement(sql, parameters)]).first?.rows ?? []
    }

    func batch(_ statements: [Statement]) throws(StoreError) -> [Answer] {
        statements.isEmpty ? [] : try exchange(statements)
    }

    func conclude(_ statements: [Statement]) throws(StoreError) -> [Answer] {
        statements.isEmpty ? [] : try exchange(statements, committing: isLast && begin != nil)
    }

    func tables() throws(StoreError) -> [String] {
        try rows("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()", [])
            .map { (row) throws(StoreError) in try row.text(0) }
    }

    private func exchange(_ statements: [Statement], committing: Bool = false) throws(StoreError) -> [Answer] {
        if let failure { throw failure.storeError(place) }
        guard stage != .committed else { throw .broken("a statement behind its verb's conclusion") }
        if let observer { for statement in statements { observer(statement.sql) } }
        var all = statements
        let opening = stage == .unopened ? begin : nil
        if let opening { all.insert(opening, at: 0) }
        if committing { all += commitStatements }
        trips.add()
        if committing, mark != nil { crashPoint("postgresql.commit.before") }
        do {
            var answers = try connection.exchange(all)
            if committing, mark != nil { crashPoint("postgresql.commit.after") }
            stage = .open
            if opening != nil { answers.removeFirst() }
            if committing { try finishCommit(&answers) }
            if answers.contains(where: \.wrote) { (hasWritten, verbHasWritten) = (true, true) }
            return answers.map(\.answer)
        } catch {
            stage = .failed
            isCommitInDoubt = committing && error.isLost
            failure = error
            throw error.storeError(place)
        }
    }

    private var commitStatements: [Statement] { (mark.map { [$0] } ?? []) + [Statement("COMMIT")] }

    /// The tag must say so: a transaction that failed before answers COMMIT with ROLLBACK. A warning means that the standby did not
    /// confirm: what is told to the client must survive the primary.
    private func finishCommit(_ answers: inout [PostgreSQLAnswer]) throws(PostgreSQLFailure) {
        let tag = answers.removeLast().command
        if mark != nil { answers.removeLast() }
        guard tag == "COMMIT" else {
            throw PostgreSQLFailure(state: "25P02", message: "the commit became a rollback", isLost: false)
        }
        if let warning = connection.warnings.first {
            throw PostgreSQLFailure(state: "", message: warning, isLost: true)
        }
        stage = .committed
    }

    // MARK: For the engine

    var isOpen: Bool { stage == .open }
    var isCommitted: Bool { stage == .committed }

    /// Commits what was written; without any, only lets go of the locks.
    func commit() throws(StoreError) {
        guard stage == .open, begin != nil else { return }
        guard hasWritten else { return letGo() }
        _ = try exchange([], committing: true)
    }

    /// Ends the transaction without waiting.
    func letGo() {
        guard begin != nil, stage == .open || (stage == .failed && failure?.wantsNewConnection != true) else { return }
        stage = .committed
        do throws(PostgreSQLFailure) { try connection.sendUnread(Statement("ROLLBACK")) } catch { failure = failure ?? error }
    }
}
