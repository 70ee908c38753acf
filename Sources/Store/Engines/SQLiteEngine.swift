internal import Faults
internal import Foundation
internal import GRDB
internal import Synchronization

/// SQLite over GRDB: one writer in WAL mode with `synchronous=FULL`, readers beside it. The readers are connections of our own and not
/// GRDB's pool, which looks at the schema and opens a transaction for every reading, at twice the reading's price.
final class SQLiteEngine: Engine {
    private let writer: DatabaseQueue
    private let readers: [DatabaseQueue]
    private let turn = Atomic<UInt>(0)
    private let isClosed = Atomic<Bool>(false)
    private let failed = Mutex<StoreError?>(nil)
    private let path: String
    private let observer: (@Sendable (String) -> Void)?

    /// - Parameters:
    ///   - settling: makes durable anew whatever an earlier process left in the write-ahead log, before anything is built upon it.
    ///   - observer: told every statement's text before it runs; for tests.
    /// - Throws: `corrupt` for a file that is no database; `broken` when the connection does not keep full durability.
    init(path: String, settling: Bool = false, observer: (@Sendable (String) -> Void)? = nil) throws(StoreError) {
        (self.path, self.observer) = (path, observer)
        try Self.makeFile(path)
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.journalMode = .wal
        // The verbs uphold references inside their transactions; a check per row would cost a look-up per row.
        configuration.foreignKeysEnabled = false
        configuration.label = "store"
        do {
            writer = try DatabaseQueue(path: path, configuration: configuration)
            // Opening in WAL mode sets NORMAL behind every earlier setting, which loses commits when power fails.
            let level = try writer.inDatabase { db in
                try db.execute(
                    sql: """
                        PRAGMA synchronous = FULL;
                        PRAGMA wal_autocheckpoint = 4000;
                        PRAGMA journal_size_limit = 67108864;
                        PRAGMA cache_size = -16384;
                        """)
                return try Int.fetchOne(db, sql: "PRAGMA synchronous")
            }
            if settling { try writer.inDatabase(Self.settle) }
            guard level == 2 else { throw StoreError.broken("synchronous is \(level ?? -1) instead of FULL") }
            (configuration.readonly, configuration.journalMode) = (true, .default)
            readers = try (0..<4).map { [configuration] _ in try DatabaseQueue(path: path, configuration: configuration) }
        } catch {
            throw Self.reason(for: error, path: path)
        }
    }

    var failure: StoreError? { failed.withLock { $0 } }

    func commit(_ verbs: [Verb]) -> [StoreError?] {
        // Not even tried: a second sync can succeed though the first lost pages, and would then stand for more than it wrote.
        if let failure { return Array(repeating: failure, count: verbs.count) }
        return writer.inDatabase { db in
            let session = SQLiteSession(db: db, path: path, observer: observer)
            do throws(StoreError) {
                try session.control("BEGIN IMMEDIATE")
                var outcome = try run(verbs, in: session)
                if outcome == nil {
                    try session.control("ROLLBACK")
                    try session.control("BEGIN IMMEDIATE")
                    outcome = try runApart(verbs, in: session)
                }
                let outcomes = outcome ?? []
                crashPoint("sqlite.commit.before")
                try session.control(outcomes.contains(nil) ? "COMMIT" : "ROLLBACK")
                crashPoint("sqlite.commit.after")
                return outcomes
            } catch {
                if case .device = error { failed.withLock { $0 = $0 ?? error } }
                if db.isInsideTransaction { try? session.control("ROLLBACK") }
                return Array(repeating: error, count: verbs.count)
            }
        }
    }

    /// Without savepoints, which nearly every verb would pay for and nearly none needs: one that throws has mostly written nothing yet, and
    /// one alone is undone with the transaction.
    /// - Returns: nil when a verb threw that had written beside others: all are to be undone, and run again apart.
    /// - Throws: what ends the transaction.
    private func run(_ verbs: [Verb], in session: SQLiteSession) throws(StoreError) -> [StoreError?]? {
        var outcomes: [StoreError?] = []
        outcomes.reserveCapacity(verbs.count)
        for verb in verbs {
            let before = session.changes
            let outcome = try session.outcome(of: verb)
            if outcome != nil, verbs.count > 1, session.changes != before { return nil }
            outcomes.append(outcome)
        }
        return outcomes
    }

    /// Each under a savepoint of its own.
    /// - Throws: what ends the transaction.
    private func runApart(_ verbs: [Verb], in session: SQLiteSession) throws(StoreError) -> [StoreError?] {
        try verbs.map { (verb) throws(StoreError) in
            try session.control("SAVEPOINT verb")
            let outcome = try session.outcome(of: verb)
            if outcome != nil { try session.control("ROLLBACK TO verb") }
            try session.control("RELEASE verb")
            return outcome
        }
    }

    /// Another server on the same file is refused.
    var isShared: Bool { false }
    /// One writer at a time anyway, and whoever waits shares its sync.
    var light: (any Committer)? { nil }
    var roundTrips: Int { 0 }

    func read<T: Sendable>(
        snapshot: Bool, _ body: @escaping @Sendable (any Session) throws(StoreError) -> T
    ) async throws(StoreError) -> T {
        try readNow(snapshot: snapshot, body)
    }

    /// Synchronous, for that is 2.5 times cheaper than GRDB's asynchronous reading; it blocks for microseconds.
    private func readNow<T>(snapshot: Bool, _ body: (any Session) throws(StoreError) -> T) throws(StoreError) -> T {
        let reader = readers[Int(turn.wrappingAdd(1, ordering: .relaxed).oldValue % UInt(readers.count))]
        do {
            return try reader.inDatabase { db in
                let session = SQLiteSession(db: db, path: path, observer: observer)
                guard snapshot else { return try body(session) }
                try session.control("BEGIN")
                defer { try? session.control("COMMIT") }
                return try body(session)
            }
        } catch {
            if isClosed.load(ordering: .acquiring) { throw .closed }
            throw Self.reason(for: error, path: path)
        }
    }

    func close() {
        isClosed.store(true, ordering: .releasing)
        for reader in readers { try? reader.close() }
        try? writer.close()
    }

    /// After a sync that failed the system may still show pages that the device never took. What is in the log is written once more, into
    /// the database, and that is synced. A command beside that reads an older state leaves the log for the next time.
    private static func settle(_ db: Database) throws { _ = try Row.fetchAll(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)") }

    /// The database file is private from its first byte; SQLite gives its companions the same mode.
    private static func makeFile(_ path: String) throws(StoreError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            switch errno {
            case EACCES, EROFS, EPERM: throw .readOnly(path: path)
            case ENOSPC, EDQUOT: throw .full(path: path)
            default: throw .device("cannot open \(path): \(String(cString: strerror(errno)))")
            }
        }
        _ = Foundation.close(descriptor)
    }

    /// Input and output that failed for want of memory, descriptors or room for the index that is not on the device.
    private static let shortages: [ResultCode] = [
        .SQLITE_IOERR_NOMEM, .SQLITE_IOERR_SHMOPEN, .SQLITE_IOERR_SHMSIZE, .SQLITE_IOERR_SHMMAP, .SQLITE_IOERR_GETTEMPPATH,
    ]

    static func reason(for error: any Error, path: String) -> StoreError {
        if let error = error as? StoreError { return error }
        guard let error = error as? DatabaseError else { return .broken("\(error)") }
        let message = error.message ?? "code \(error.extendedResultCode.rawValue)"
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED: return .busy
        case .SQLITE_CONSTRAINT: return .conflict(message)
        case .SQLITE_FULL: return .full(path: path)
        case .SQLITE_NOMEM, .SQLITE_CANTOPEN: return .shortage("\(message), \(path)")
        case .SQLITE_IOERR where shortages.contains(error.extendedResultCode): return .shortage("\(message), \(path)")
        case .SQLITE_IOERR:
            return .device("\(message) (SQLite code \(error.extendedResultCode.rawValue), \(path))")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: return .corrupt(path: path, reason: message)
        case .SQLITE_READONLY, .SQLITE_PERM: return .readOnly(path: path)
        case .SQLITE_MISUSE where message.contains("closed"): return .closed
        default: return .broken(message)
        }
    }
}
