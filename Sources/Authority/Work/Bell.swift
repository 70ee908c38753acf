internal import Synchronization

/// A rest that someone may cut short by ringing. One rests at a time; what is rung while nobody rests ends the next rest at once.
final class Bell: Sendable {
    private struct State {
        var isRung = false
        var resting: CheckedContinuation<Void, Never>?
    }
    private let state = Mutex(State())

    func ring() {
        let resting: CheckedContinuation<Void, Never>? = state.withLock { state in
            guard let resting = state.resting else {
                state.isRung = true
                return nil
            }
            state.resting = nil
            return resting
        }
        resting?.resume()
    }

    /// Returns after the time, when it is rung, or when the task is cancelled.
    func rest(_ time: Duration, _ around: Surroundings) async {
        let alarm = Task {
            do { try await around.sleep(time) } catch { return }
            self.endRest()
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isRung || Task.isCancelled {
                        state.isRung = false
                        return true
                    }
                    state.resting = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            self.ring()
        }
        alarm.cancel()
    }

    /// An alarm that comes late must not end the next rest.
    private func endRest() {
        let resting = state.withLock { state in
            defer { state.resting = nil }
            return state.resting
        }
        resting?.resume()
    }
}
