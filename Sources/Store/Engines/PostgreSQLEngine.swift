internal import Dispatch
internal import Foundation
internal import Synchronization

/// PostgreSQL over libpq: one connection that writes, one for what need not be durable, some that read, each with a thread that waits
/// for it. Never blocks Swift's pool or an event loop.
final class PostgreSQLEngine: Engine {
    private let address: PostgreSQLAddress
    private let options: PostgreSQLOptions
    private let writer: PostgreSQLWriter
    private let lightWriter: PostgreSQLWriter
    private let readers: [PostgreSQLReader]
    private let trips = PostgreSQLTrips()
    private let isClosed = Atomic<Bool>(false)

    let isShared = true
    var roundTrips: Int { trips.count }
    var light: (any Committer)? { lightWriter }
    private var place: String { address.place }

    /// Waits for the server and looks whether it is fit to be relied on.
    /// - Throws: `unsuitable`, naming the setting and what to do; `unavailable`.
    init(_ address: PostgreSQLAddress, _ options: PostgreSQLOptions = PostgreSQLOptions()) throws(StoreError) {
        (self.address, self.options) = (address, options)
        writer = PostgreSQLWriter(address, options, trips, isDurable: true)
        lightWriter = PostgreSQLWriter(address, options, trips, isDurable: false)
        readers = (0..<options.readers).map { number in
            PostgreSQLReader(number, capacity: options.readerCapacity) { () throws(PostgreSQLFailure) in
                try address.connect(options, as: .reader)
            }
        }
        try writer.open()
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

    func commit(_ verbs: [Verb]) -> [StoreError?] { writer.commit(verbs) }

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
                    let session = PostgreSQLSession(
                        try link.use(patience: options.patience), begin: begin.map { Statement($0) }, place: place,
                        observer: options.observer, trips: trips)
                    do throws(StoreError) {
                        let value = try body(session)
                        session.letGo()
                        if let failure = session.failure, failure.isLost { link.drop(failure) }
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
        lightWriter.close()
        for reader in readers { reader.close() }
    }

    deinit { close() }
}
