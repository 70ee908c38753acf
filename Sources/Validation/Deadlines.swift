internal import Synchronization

/// Ends waits whose time is over, all with one sleeper. A wait that ends in time leaves no timer behind, only an entry that is dropped when
/// its turn comes; hence the price of a deadline that is not met is that of appending to a list.
package final class Deadlines: Sendable {
    /// Something to be done at a time unless it is called off before.
    package final class Entry: Sendable {
        private let action: Mutex<(@Sendable () -> Void)?>

        fileprivate init(_ action: @escaping @Sendable () -> Void) { self.action = Mutex(action) }

        /// After this the action does not begin, though it may have begun.
        package func callOff() { action.withLock { $0 = nil } }

        fileprivate var isCalledOff: Bool { action.withLock { $0 == nil } }

        fileprivate func fire() {
            let action = action.withLock { action in
                defer { action = nil }
                return action
            }
            action?()
        }
    }

    /// All waits of one length, so that the first to begin is the first to end.
    private struct Lane {
        var entries: [(due: Duration, entry: Entry)] = []
        var first = 0

        var head: Duration? { first < entries.count ? entries[first].due : nil }

        /// Takes from the head what is due or called off.
        mutating func takeDue(_ now: Duration, into due: inout [Entry]) {
            while first < entries.count, entries[first].due <= now || entries[first].entry.isCalledOff {
                due.append(entries[first].entry)
                first += 1
            }
            if first == entries.count {
                entries.removeAll(keepingCapacity: true)
                first = 0
            } else if first > 1024 {
                entries.removeFirst(first)
                first = 0
            }
        }
    }

    private struct State {
        var lanes: [Duration: Lane] = [:]
        /// When the sleeper wakes, and which one counts.
        var wakes: Duration?
        var sleeper = 0

        /// - Returns: what is due, and when the next is.
        mutating func takeDue(_ now: Duration) -> (due: [Entry], next: Duration?) {
            var due: [Entry] = []
            var next: Duration?
            for time in Array(lanes.keys) {
                lanes[time, default: Lane()].takeDue(now, into: &due)
                guard let head = lanes[time]?.head else {
                    lanes[time] = nil
                    continue
                }
                next = min(next ?? head, head)
            }
            return (due, next)
        }
    }

    private let state = Mutex(State())
    private let uptime: @Sendable () -> Duration
    private let sleep: @Sendable (Duration) async throws -> Void

    /// - Parameters:
    ///   - uptime: time that only goes forward, from any beginning.
    ///   - sleep: as `uptime` counts.
    package init(
        uptime: @escaping @Sendable () -> Duration, sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        (self.uptime, self.sleep) = (uptime, sleep)
    }

    /// Real time.
    package convenience init() {
        let start = ContinuousClock.now
        self.init(uptime: { ContinuousClock.now - start }, sleep: { try await Task.sleep(for: $0) })
    }

    /// - Parameter action: run once the time is over; must be short, for others wait behind it.
    package func after(_ time: Duration, _ action: @escaping @Sendable () -> Void) -> Entry {
        let entry = Entry(action)
        let due = uptime() + time
        let nap: Int? = state.withLock { state in
            state.lanes[time, default: Lane()].entries.append((due, entry))
            if let wakes = state.wakes, wakes <= due { return nil }
            state.wakes = due
            state.sleeper += 1
            return state.sleeper
        }
        if let nap { rest(nap, until: due) }
        return entry
    }

    private func rest(_ nap: Int, until due: Duration) {
        Task {
            try? await sleep(due - uptime())
            wake(nap)
        }
    }

    /// Runs what is due and sleeps until the next that has not been called off.
    private func wake(_ nap: Int) {
        let now = uptime()
        let (due, next): ([Entry], (nap: Int, due: Duration)?) = state.withLock { state in
            // An earlier deadline has come since, and has a sleeper of its own.
            guard state.sleeper == nap else { return ([], nil) }
            let (due, next) = state.takeDue(now)
            state.wakes = next
            guard let next else { return (due, nil) }
            state.sleeper += 1
            return (due, (state.sleeper, next))
        }
        for entry in due { entry.fire() }
        if let next { rest(next.nap, until: next.due) }
    }
}
