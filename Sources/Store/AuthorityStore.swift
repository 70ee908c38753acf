package import Foundation
internal import Synchronization

/// What must survive. Its methods are the authority's verbs, one transaction each; when one returns, it is on disk.
/// Verbs beyond opening stand in `Verbs/`.
package final class AuthorityStore: Sendable {
    package enum Mode: Sendable {
        /// Makes and migrates the database; one process at a time per folder.
        case serve
        /// For commands beside a running server: reads and writes an existing database, never migrates.
        case tool
    }

    /// Whether other servers may be at work on the same database.
    package var isShared: Bool { false }

    let engine: any Engine
    let queue: CommitQueue
    let sweepCursor = Mutex(SweepCursor())
    private let lock: Mutex<ServeLock?>

    private init(engine: any Engine, lock: ServeLock?, capacity: Int) {
        self.engine = engine
        self.lock = Mutex(lock)
        queue = CommitQueue(engine, capacity: capacity)
    }

    /// - Parameters:
    ///   - path: the SQLite file, such as `DIR/chancery.sqlite`; `-wal`, `-shm` and `.lock` lie beside it.
    ///   - now: written down with the migrations that are applied.
    ///   - capacity: verbs that may wait for the writer before others are refused as `busy`.
    /// - Throws: `inUse`, `missing`, `newerSchema`, `olderSchema`, `corrupt`, `readOnly`, `full`, `device`, `broken`.
    package static func open(
        path: String, mode: Mode = .serve, now: Date, capacity: Int = 4096
    ) async throws(StoreError) -> AuthorityStore {
        let lock: ServeLock?
        switch mode {
        case .serve: lock = try ServeLock(beside: path)
        case .tool:
            guard FileManager.default.fileExists(atPath: path) else { throw .missing(path: path) }
            lock = nil
        }
        return try await open(SQLiteEngine(path: path), path: path, lock: lock, mode: mode, now: now, capacity: capacity)
    }

    static func open(
        _ engine: any Engine, path: String, lock: ServeLock?, mode: Mode, now: Date, capacity: Int = 4096
    ) async throws(StoreError) -> AuthorityStore {
        let store = AuthorityStore(engine: engine, lock: lock, capacity: capacity)
        do throws(StoreError) {
            try await store.commit { (sql) throws(StoreError) in
                try Schema.prepare(sql, path: path, mayMigrate: mode == .serve, now: now)
            }
        } catch {
            await store.close()
            throw error
        }
        return store
    }

    /// Refuses new verbs, finishes those taken on, then closes the database and gives up the folder.
    package func close() async {
        await queue.close()
        engine.close()
        lock.withLock { $0 = nil }
    }

    package var statistics: CommitStatistics { queue.statistics }

    /// Runs `verb` in a transaction that it may share with others. Cancelling the caller stops nothing.
    @discardableResult
    func commit<T: Sendable>(
        _ verb: @escaping @Sendable (any Session) throws(StoreError) -> T
    ) async throws(StoreError) -> T {
        try await queue.commit(verb)
    }

    /// The same for what a crash of the database may undo: seen by everybody when it returns, but perhaps not on disk.
    @discardableResult
    func commitLightly<T: Sendable>(
        _ verb: @escaping @Sendable (any Session) throws(StoreError) -> T
    ) async throws(StoreError) -> T {
        try await queue.commit(verb)
    }

    /// - Parameter snapshot: needed where more than one statement must see the same state.
    func read<T: Sendable>(
        snapshot: Bool = false, _ body: (any Session) throws(StoreError) -> T
    ) async throws(StoreError) -> T {
        try await engine.read(snapshot: snapshot, body)
    }
}
