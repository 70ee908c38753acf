internal import Foundation
internal import Synchronization

/// The transactions of one writing connection. Used by one thread at a time, save `close`.
final class PostgreSQLWriter: Committer {
    private let link: PostgreSQLLink
    private let place: String
    private let options: PostgreSQLOptions
    private let trips: PostgreSQLTrips
    private let isDurable: Bool
    /// Of the last transaction.
    private let mark = Mutex(PostgreSQLMark())
    private let isClosed = Atomic<Bool>(false)

    /// - Parameter isDurable: commits wait for the disk, and one whose answer was lost is looked up.
    init(_ address: PostgreSQLAddress, _ options: PostgreSQLOptions, _ trips: PostgreSQLTrips, isDurable: Bool) {
        (self.options, self.trips, self.isDurable, place) = (options, trips, isDurable, address.place)
        link = PostgreSQLLink { () throws(PostgreSQLFailure) in
            try address.connect(options, as: isDurable ? .writer : .lightWriter)
        }
    }

    /// Waits for the first connection.
    func open() throws(StoreError) {
        do { _ = try link.use(patience: options.openingPatience) } catch {
            close()
            throw error.storeError(place)
        }
    }

    func close() {
        isClosed.store(true, ordering: .releasing)
        link.close()
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
        do throws(PostgreSQLFailure) { connection = try link.use(patience: options.patience) } catch {
            return .unavailable(isClosed.load(ordering: .acquiring) ? .closed : error.storeError(place))
        }
        let mark = mark.withLock { mark in
            mark.advance()
            return mark
        }
        let session = PostgreSQLSession(
            connection, begin: Statement("BEGIN"), mark: isDurable ? mark.statement : nil, place: place,
            observer: options.observer, trips: trips)
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
            if session.failure != nil {
                // If all was committed, then without this verb having learnt what it did.
                outcomes[index] = .unknownOutcome(
                    "the change was stored, but the connection was lost before its answer came (\(place))")
                return failed(session, mark, outcomes)
            }
        }
        do throws(StoreError) { try session.commit() } catch { return failed(session, mark, outcomes) }
        return .done(outcomes)
    }

    private func failed(_ session: PostgreSQLSession, _ mark: PostgreSQLMark, _ outcomes: [StoreError?]) -> Ending {
        guard let failure = session.failure else { return .undone(nil) }
        if failure.wantsNewConnection { link.drop(failure) } else { session.letGo() }
        // What need not be durable may be done twice.
        guard session.isCommitInDoubt, isDurable else { return .undone(failure) }
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
                let connection = try link.use(patience: ContinuousClock.now.duration(to: end), stubborn: true)
                trips.add()
                return mark.isCommitted(try connection.exchange(mark.question))
            } catch {
                // A lock that is held is asked for again: the old transaction is still on its way.
                if error.wantsNewConnection { link.drop(error) }
            }
        }
        return nil
    }
}
