internal import Synchronization
package import Validation

/// One result that many may wait for, each as long as it likes.
package final class Outcome<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var waiting: [Int: CheckedContinuation<Value?, Never>] = [:]
        var next = 0
    }
    private let state = Mutex(State())

    package init() {}

    /// The first value stands.
    package func settle(_ value: Value) {
        let waiting = state.withLock { state in
            guard state.value == nil else { return [CheckedContinuation<Value?, Never>]() }
            state.value = value
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for one in waiting { one.resume(returning: value) }
    }

    /// Nil when the time is over, or the waiting task is cancelled, before there is a value.
    package func value(within time: Duration, _ deadlines: Deadlines) async -> Value? {
        let (place, known) = state.withLock { state in
            state.next += 1
            return (state.next, state.value)
        }
        if let known { return known }
        let alarm = deadlines.after(time) { self.giveUp(place) }
        defer { alarm.callOff() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let now: Value?? = state.withLock { state in
                    if let value = state.value { return .some(value) }
                    if Task.isCancelled { return .some(nil) }
                    state.waiting[place] = continuation
                    return nil
                }
                if let now { continuation.resume(returning: now) }
            }
        } onCancel: {
            self.giveUp(place)
        }
    }

    private func giveUp(_ place: Int) {
        let waiting = state.withLock { $0.waiting.removeValue(forKey: place) }
        waiting?.resume(returning: nil)
    }
}
