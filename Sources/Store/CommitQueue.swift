internal import Dispatch
internal import Measures
internal import Synchronization

/// Group commit: whatever verbs wait while one transaction becomes durable ride together in the next.
/// A verb that was taken on belongs to the queue; nobody who waits for it can call it off.
final class CommitQueue: Sendable {
    private struct Job: Sendable {
        let verb: Verb
        let finish: @Sendable (StoreError?) -> Void
    }

    private struct State {
        var waiting: [Job] = []
        var draining = false
        var closed = false
        var closers: [CheckedContinuation<Void, Never>] = []
        var commits = 0
        var verbs = 0
    }

    private let engine: any Engine
    private let capacity: Int
    private let largest: Int
    private let state = Mutex(State())
    private let measures: StoreMeasures
    private let thread = DispatchQueue(label: "store.commit")

    /// - Parameters:
    ///   - capacity: verbs that may wait; more are refused as `busy`.
    ///   - largest: verbs in one transaction.
    init(_ engine: any Engine, capacity: Int = 4096, largest: Int = 256, measures: StoreMeasures = StoreMeasures()) {
        (self.engine, self.capacity, self.largest, self.measures) = (engine, capacity, largest, measures)
    }

    /// Returns when the verb is on disk.
    /// - Throws: what the verb throws; `busy` or `closed` before anything is done; the engine's error.
    func commit<T: Sendable>(_ verb: @escaping @Sendable (any Session) throws(StoreError) -> T) async throws(StoreError) -> T {
        let value = Outcome<T>()
        let error: StoreError? = await withCheckedContinuation { continuation in
            let job = Job(
                verb: { (sql) throws(StoreError) in value.set(try verb(sql)) },
                finish: { continuation.resume(returning: $0) })
            enqueue(job)
        }
        if let error { throw error }
        guard let value = value.get() else { throw .broken("a verb was committed without an outcome") }
        return value
    }

    /// Takes on no more, and returns when all that was taken on is done.
    func close() async {
        await withCheckedContinuation { continuation in
            let idle = state.withLock { state in
                state.closed = true
                if state.draining { state.closers.append(continuation) }
                return !state.draining
            }
            if idle { continuation.resume() }
        }
    }

    var isClosed: Bool { state.withLock { $0.closed } }

    var statistics: CommitStatistics {
        state.withLock { CommitStatistics(commits: $0.commits, verbs: $0.verbs, waiting: $0.waiting.count) }
    }

    private func enqueue(_ job: Job) {
        enum Next { case refuse(StoreError), start, wait }
        let next: Next = state.withLock { state in
            if state.closed { return .refuse(.closed) }
            if state.waiting.count >= capacity { return .refuse(.busy) }
            state.waiting.append(job)
            if state.draining { return .wait }
            state.draining = true
            return .start
        }
        switch next {
        case .refuse(let error): job.finish(error)
        case .start: thread.async { self.drain() }
        case .wait: break
        }
    }

    private func drain() {
        while let jobs = takeJobs() {
            let began = ContinuousClock.now
            let outcomes = engine.commit(jobs.map(\.verb))
            measures.commits.observe(began.duration(to: .now))
            measures.verbs.add(jobs.count)
            state.withLock { state in
                state.commits += 1
                state.verbs += jobs.count
            }
            for (job, outcome) in zip(jobs, outcomes) { job.finish(outcome) }
        }
    }

    private func takeJobs() -> [Job]? {
        let (jobs, closers) = state.withLock { state -> ([Job], [CheckedContinuation<Void, Never>]) in
            guard state.waiting.isEmpty else {
                let jobs = Array(state.waiting.prefix(largest))
                state.waiting.removeFirst(jobs.count)
                return (jobs, [])
            }
            state.draining = false
            defer { state.closers = [] }
            return ([], state.closers)
        }
        for closer in closers { closer.resume() }
        return jobs.isEmpty ? nil : jobs
    }
}

/// Since the store was opened.
package struct CommitStatistics: Sendable, Equatable {
    package var commits: Int
    package var verbs: Int
    /// Right now.
    package var waiting: Int
}

private final class Outcome<T: Sendable>: Sendable {
    private let value = Mutex<T?>(nil)
    func set(_ new: T) { value.withLock { $0 = new } }
    func get() -> T? { value.withLock { $0 } }
}
