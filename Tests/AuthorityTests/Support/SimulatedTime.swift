import Authority
import Foundation
import Synchronization

/// A clock that moves only when told; whoever sleeps wakes when it has moved far enough.
final class SimulatedTime: Sendable {
    private struct State {
        var now: Double
        var sleepers: [Int: (due: Double, continuation: CheckedContinuation<Void, any Error>)] = [:]
        var next = 0
    }
    private let state: Mutex<State>

    init(_ start: Double = 1_800_000_000) { state = Mutex(State(now: start)) }

    var now: Date { Date(timeIntervalSince1970: state.withLock { $0.now }) }
    var sleepers: Int { state.withLock { $0.sleepers.count } }

    func advance(_ seconds: Double) {
        let awake = state.withLock { state in
            state.now += seconds
            let due = state.sleepers.filter { $0.value.due <= state.now }
            for key in due.keys { state.sleepers[key] = nil }
            return due.values.map(\.continuation)
        }
        for one in awake { one.resume() }
    }

    /// Gives others the processor until that many sleep.
    func untilAsleep(_ count: Int) async {
        while sleepers < count { await Task.yield() }
    }

    var surroundings: Surroundings {
        Surroundings(
            now: { self.now }, sleep: { try await self.sleep($0) },
            uptime: { .seconds(self.state.withLock { $0.now }) },
            random: { count in (0..<count).map { _ in UInt8.random(in: .min ... .max) } })
    }

    private func sleep(_ wait: Duration) async throws {
        let place = state.withLock { state in
            state.next += 1
            return state.next
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    let due = state.now + wait / .seconds(1)
                    if due <= state.now { return .success(()) }
                    state.sleepers[place] = (due, continuation)
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let sleeper = state.withLock { $0.sleepers.removeValue(forKey: place) }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }
}
