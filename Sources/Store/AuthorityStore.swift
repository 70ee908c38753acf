package import Foundation
internal import Measures
internal import Synchronization

/// What must survive. Its methods are the authority's verbs, one transaction each; when one returns, it is on disk.
/// Verbs beyond opening stand in `Verbs/`.
package final class AuthorityStore: Sendable {
    package enum Mode: Sendable {
        /// Makes and migrates the database; one process at a time per folder.
        case serve
        /// For commands beside a running server: reads and writes an existing database, never migrates.
        case tool
        /// To copy from: an existing database that nobody serves; never migrated.
        case source
        /// To copy into: made and migrated, and served by nobody; a copy may be under way in it.
        case target

        /// It is made and brought up to date.
        var mayMigrate: Bool { self == .serve || self == .target }
    }

    let engine: any Engine
    /// Of the file, or what stands for it in messages.
    let path: String
    let queue: CommitQueue
    /// For `commitLightly`, where the engine makes a difference.
    private let lightQueue: CommitQueue?
    let measures: StoreMeasures
    let sweepCursor = Mutex(SweepCursor())
    let tallies = Mutex<[Tally.Table: Tally]>([:])
    private let lock: Mutex<ServeLock?>

    private init(engine: any Engine, path: String, lock: ServeLock?, capacity: Int) {
        (self.engine, self.path) = (engine, path)
        self.lock = Mutex(lock)
        measures = StoreMeasures()
        queue = CommitQueue(engine, capacity: capacity, measures: measures)
        lightQueue = engine.light.map { CommitQueue($0, capacity: capacity) }
    }

    /// Opens the database that `location` names.
    /// - Throws: as `open(path:)`; `unavailable`, `unsuitable`.
    package static func open(
        _ location: DatabaseLocation, mode: Mode = .serve, now: Date, capacity: Int = 4096
    ) async throws(StoreError) -> AuthorityStore {
        switch location {
        case .sqlite(let path): return try await open(path: path, mode: mode, now: now, capacity: capacity)
        case .postgreSQL(let address):
            var options = PostgreSQLOptions()
            if mode != .serve { options.readers = 1 }
            return try await open(
                try await PostgreSQLEngine.opening(address, options), path: address.place, lock: nil, mode: mode, now: now,
                capacity: capacity)
        }
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
        case .serve, .target: lock = try ServeLock(beside: path)
        case .tool, .source:
            guard FileManager.default.fileExists(atPath: path) else { throw .missing(path: path) }
            lock = mode == .source ? try ServeLock(beside: path) : nil
        }
        return try await open(
            SQLiteEngine(path: path, settling: mode.mayMigrate), path: path, lock: lock, mode: mode, now: now, capacity: capacity)
    }

    static func open(
        _ engine: any Engine, path: String, lock: ServeLock?, mode: Mode, now: Date, capacity: Int = 4096
    ) async throws(StoreError) -> AuthorityStore {
        let store = AuthorityStore(engine: engine, path: path, lock: lock, capacity: capacity)
        do throws(StoreError) {
            try await store.commit { (sql) throws(StoreError) in
                try Schema.prepare(sql, path: path, mayMigrate: mode.mayMigrate, mayBeCopy: mode == .target, now: now)
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
        await lightQueue?.close()
        engine.close()
        lock.withLock { $0 = nil }
    }

    /// Why this store will commit nothing any more; the process should end, and a new one look at what is on the device.
    package var failure: StoreError? { engine.failure }

    package var statistics: CommitStatistics { queue.statistics }

    /// Of the database, which every opening compares with the program's.
    package func schemaVersion() async throws(StoreError) -> Int {
        try await read { (sql) throws(StoreError) in
            Int(try sql.row("SELECT MAX(version) FROM migrations", [])?.integer(0) ?? 0)
        }
    }

    /// Messages to the database and back since it was opened; 0 where it is in this process.
    package var roundTrips: Int { engine.roundTrips }

    /// Whether other servers may be at work on the same database.
    package var isShared: Bool { engine.isShared }

    /// Runs `verb` in a transaction that it may share with others. Cancelling the caller stops nothing.
    /// - Parameter name: of the verb, for traces.
    @discardableResult
    func commit<T: Sendable>(
        name: String = #function, _ verb: @escaping @Sendable (any Session) throws(StoreError) -> T
    ) async throws(StoreError) -> T {
        try await commit(name: name, on: queue, verb)
    }

    private func commit<T: Sendable>(
        name: String, on queue: CommitQueue, _ verb: @escaping @Sendable (any Session) throws(StoreError) -> T
    ) async throws(StoreError) -> T {
        let began = ContinuousClock.now
        do throws(StoreError) {
            let value = try await Trace.span("store.write " + verbName(name)) { () async throws(StoreError) in
                try await queue.commit(verb)
            }
            measures.writes.observe(began.duration(to: .now))
            return value
        } catch {
            measures.errors.add(error.kind)
            throw error
        }
    }

    /// The same for what a crash of the database may undo: seen by everybody when it returns, but perhaps not on disk.
    @discardableResult
    func commitLightly<T: Sendable>(
        name: String = #function, _ verb: @escaping @Sendable (any Session) throws(StoreError) -> T
    ) async throws(StoreError) -> T {
        try await commit(name: name, on: lightQueue ?? queue, verb)
    }

    /// - Parameters:
    ///   - snapshot: needed where more than one statement must see the same state.
    ///   - name: of the verb, for traces.
    func read<T: Sendable>(
        snapshot: Bool = false, name: String = #function, _ body: @escaping @Sendable (any Session) throws(StoreError) -> T
    ) async throws(StoreError) -> T {
        let began = ContinuousClock.now
        do throws(StoreError) {
            let value = try await Trace.span("store.read " + verbName(name)) { () async throws(StoreError) in
                try await engine.read(snapshot: snapshot, body)
            }
            measures.reads.observe(began.duration(to: .now))
            return value
        } catch {
            measures.errors.add(error.kind)
            throw error
        }
    }
}

/// `createOrder(_:_:)` without what stands in brackets.
private func verbName(_ function: String) -> Substring { function.prefix { $0 != "(" } }
