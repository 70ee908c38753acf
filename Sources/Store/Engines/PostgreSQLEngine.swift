internal import Dispatch
internal import Foundation
internal import Synchronization

/// PostgreSQL over libpq: one connection that writes, some that read, each with a thread of its own that waits for it. Never blocks
/// Swift's pool or an event loop.
final class PostgreSQLEngine: Engine {
    private let address: PostgreSQLAddress
    private let options: PostgreSQLOptions
    private let writer: PostgreSQLLink
    private let readers: [PostgreSQLReader]
    /// Of the last transaction; only the committing thread touches it.
    private let mark = Mutex(PostgreSQLMark())
    private let trips = Atomic<Int>(0)
    private let isClosed = Atomic<Bool>(false)

    let isShared = true
    /// The device is the database server's, which ends by itself when it fails.
    let failure: StoreError? = nil
    var roundTrips: Int { trips.load(ordering: .relaxed) }
    private var place: String { address.place }

    /// Waits for the server and looks whether it is fit to be relied on.
    /// - Throws: `unsuitable`, naming the setting and what to do; `unavailable`.
    init(_ address: PostgreSQLAddress, _ options: PostgreSQLOptions = PostgreSQLOptions()) throws(StoreError) {
        (self.address, self.options) = (address, options)
        writer = PostgreSQLLink { () throws(PostgreSQLFailure) in try address.connect(options, readOnly: false) }
        readers = (0..<options.readers).map { number in
            PostgreSQLReader(number, capacity: options.readerCapacity) { () throws(PostgreSQLFailure) in
                try address.connect(options, readOnly: true)
            }
        }
        do { _ = try writer.use(patience: options.openingPatience) } catch {
            writer.close()
            throw error.storeError(address.place)
        }
    }

    /// `init` without blocking Swift's pool.
    static func opening(_ address: PostgreSQLAddress, _ options: PostgreSQLOptions) async throws(StoreError) -> PostgreSQLEngine {
        let result: Result<PostgreSQLEngine, StoreError> = await withCheckedContinuation { continuation in
            DispatchQueue(label: "store.open").async {
                do throws(StoreError) {
                    continuation.resume(returning: .success(try PostgreSQLEngine(address, options)))
                } catch { continuation.resume(returning: .failure(error)) }
            }
        }
        return try result.get()
    }

    func commit(_ verbs: [Verb]) -> [StoreError?] {
        if verbs.count > 1, let outcomes = together(verbs) { return outcomes }
        return verbs.map(alone)
    }

    /// - Returns: nil when nothing was done and each is to be tried alone: one failed after it had written, or they stood in another
    ///   server's way.
    private func together(_ verbs: [Verb]) -> [StoreError?]? {
        switch transact(verbs) {
        case .done(let outcomes): outcomes
        case .undone: nil
        case .unavailable(let error): Array(repeating: error, count: verbs.count)
        }
    }

    /// Collisions and lost connections are tried again; nothing of the verb was written by then.
    private func alone(_ verb: @escaping Verb) -> StoreError? {
        var duplicates = 0
        for _ in 0..<options.attempts {
            switch transact([verb]) {
            case .done(let outcomes): return outcomes.first ?? .broken("a verb without an outcome")
            case .unavailable(let error): return error
            case .undone(let failure?) where failure.isLost || failure.wantsNewConnection || failure.isCollision: continue
            case .undone(let failure?) where failure.isDuplicate && duplicates == 0:
                // Somebody else's row came in between: judged again, the verb knows it.
                duplicates += 1
            case .undone(let failure?): return failure.storeError(place)
            case .undone(nil): return .broken("a verb was undone without a reason")
            }
        }
        return .busy
    }

    private enum Ending {
        case done([StoreError?])
        /// Nothing was written, and the same may be tried again.
        case undone(PostgreSQLFailure?)
        case unavailable(StoreError)
    }

    private func transact(_ verbs: [Verb]) -> Ending {
        let connection: PostgreSQLConnection
        do throws(PostgreSQLFailure) { connection = try writer.use(patience: options.patience) } catch {
            return .unavailable(isClosed.load(ordering: .acquiring) ? .closed : error.storeError(place))
        }
        let mark = mark.withLock { mark in
            mark.advance()
            return mark
        }
        let session = session(on: connection, begin: "BEGIN", mark: options.isLight ? nil : mark.statement)
        var outcomes: [StoreError?] = []
        for (index, verb) in verbs.enumerated() {
            session.isLast = index == verbs.count - 1
            session.verbHasWritten = false
            do throws(StoreError) {
                try verb(session)
                outcomes.append(nil)
            } catch {
                outcomes.append(error)
                if session.failure == nil, session.verbHasWritten, !session.isCommitted {
                    session.letGo()
                    return verbs.count == 1 ? .done([error]) : .undone(nil)
                }
            }
            if session.failure != nil { return failed(session, mark, outcomes, of: verbs.count) }
        }
        do throws(StoreError) { try session.commit() } catch { return failed(session, mark, outcomes, of: verbs.count) }
        return .done(outcomes)
    }

    private func session(on connection: PostgreSQLConnection, begin: String?, mark: Statement? = nil) -> PostgreSQLSession {
        PostgreSQLSession(connection, begin: begin.map { Statement($0) }, mark: mark, place: place, observer: options.observer) {
            self.trips.wrappingAdd(1, ordering: .relaxed)
        }
    }

    private func failed(_ session: PostgreSQLSession, _ mark: PostgreSQLMark, _ outcomes: [StoreError?], of count: Int) -> Ending {
        guard let failure = session.failure else { return .undone(nil) }
        if failure.wantsNewConnection { writer.drop(failure) } else { session.letGo() }
        // What is written lightly may be written twice.
        guard session.isCommitInDoubt, !options.isLight else { return .undone(failure) }
        switch wasCommitted(mark) {
        case true?: return .done(outcomes)
        case false?: return .undone(failure)
        case nil:
            return .unavailable(.unknownOutcome("the connection was lost during the commit: \(failure.message) (\(place))"))
        }
    }

    /// Asks over new connections until one of them tells.
    private func wasCommitted(_ mark: PostgreSQLMark) -> Bool? {
        let end = ContinuousClock.now.advanced(by: options.doubtPatience)
        while ContinuousClock.now < end, !isClosed.load(ordering: .acquiring) {
            do throws(PostgreSQLFailure) {
                let connection = try writer.use(patience: ContinuousClock.now.duration(to: end), stubborn: true)
                trips.wrappingAdd(1, ordering: .relaxed)
                let row = try connection.exchange([mark.question]).first?.answer.rows.first
                return row?.values.first == .integer(mark.number)
            } catch {
                // A lock that is held is asked for again: the old transaction is still on its way.
                if error.wantsNewConnection { writer.drop(error) }
            }
        }
        return nil
    }

    func read<T: Sendable>(
        snapshot: Bool, _ body: @escaping @Sendable (any Session) throws(StoreError) -> T
    ) async throws(StoreError) -> T {
        if isClosed.load(ordering: .acquiring) { throw .closed }
        let reader = readers.min { $0.load < $1.load } ?? readers[0]
        let begin = snapshot ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" : nil
        let result = await reader.perform { [self] link -> Result<T, StoreError> in
            var last = StoreError.busy
            for _ in 0..<3 {
                do throws(PostgreSQLFailure) {
                    let session = session(on: try link.use(patience: options.patience), begin: begin)
                    do throws(StoreError) {
                        let value = try body(session)
                        session.letGo()
                        if session.failure?.isLost == true { link.drop(session.failure ?? .closed) }
                        return .success(value)
                    } catch {
                        last = error
                        guard let failure = session.failure else {
                            session.letGo()
                            return .failure(error)
                        }
                        if failure.wantsNewConnection { link.drop(failure) } else { session.letGo() }
                        guard failure.wantsNewConnection || failure.isCollision else { return .failure(error) }
                    }
                } catch {
                    return .failure(isClosed.load(ordering: .acquiring) ? .closed : error.storeError(place))
                }
            }
            return .failure(last)
        }
        return try result.get()
    }

    func close() {
        isClosed.store(true, ordering: .releasing)
        writer.close()
        for reader in readers { reader.close() }
    }

    deinit { close() }
}

extension PostgreSQLFailure {
    static let closed = PostgreSQLFailure(state: "", message: "the store is closed", isLost: true)
}

/// How patient the engine is. The defaults are for a server; tests shorten them.
struct PostgreSQLOptions: Sendable {
    /// Connections that read.
    var readers = 4
    /// Readings that may wait for one connection.
    var readerCapacity = 1024
    /// How long an answer may take.
    var deadline = Duration.seconds(15)
    /// How long a verb waits for a new connection where the old one has just been lost.
    var patience = Duration.seconds(2)
    /// How long to find out whether a commit took place whose answer was lost.
    var doubtPatience = Duration.seconds(15)
    /// How long opening waits for the first connection.
    var openingPatience = Duration.seconds(30)
    /// How often a verb is tried whose transaction collided or lost its connection.
    var attempts = 6
    /// Commits do not wait for the disk: for what a crash may undo.
    var isLight = false
    /// Told every statement's text before it runs; for tests.
    var observer: (@Sendable (String) -> Void)?
}

/// One reading connection and its thread.
final class PostgreSQLReader: Sendable {
    private let link: PostgreSQLLink
    private let thread: DispatchQueue
    private let waiting = Atomic<Int>(0)
    private let capacity: Int

    init(_ number: Int, capacity: Int, _ connect: @escaping @Sendable () throws(PostgreSQLFailure) -> PostgreSQLConnection) {
        link = PostgreSQLLink(connect)
        thread = DispatchQueue(label: "store.read.\(number)")
        self.capacity = capacity
    }

    var load: Int { waiting.load(ordering: .relaxed) }

    /// - Returns: `busy` when too many wait already.
    func perform<T: Sendable>(
        _ body: @escaping @Sendable (PostgreSQLLink) -> Result<T, StoreError>
    ) async -> Result<T, StoreError> {
        guard load < capacity else { return .failure(.busy) }
        waiting.wrappingAdd(1, ordering: .relaxed)
        return await withCheckedContinuation { continuation in
            thread.async { [self] in
                let result = body(link)
                waiting.wrappingSubtract(1, ordering: .relaxed)
                continuation.resume(returning: result)
            }
        }
    }

    func close() { link.close() }
}
