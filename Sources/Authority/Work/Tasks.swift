internal import Synchronization

/// Tasks that belong to a worker and not to the request that caused them: one per name, and someone can wait until none is left.
final class Tasks<Name: Hashable & Sendable>: Sendable {
    private struct Roll {
        var running: [Name: Task<Void, Never>] = [:]
        var isClosed = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let roll = Mutex(Roll())
    private let capacity: Int

    init(capacity: Int) { self.capacity = capacity }

    /// - Parameter done: gets what the work came to once the name is free again, so that whoever it tells may start another.
    /// - Returns: false when a task of this name runs, too many do, or none may start any more; then nothing is started.
    @discardableResult
    func start<Value: Sendable>(
        _ name: Name, _ work: @escaping @Sendable () async -> Value, done: @escaping @Sendable (Value) -> Void = { (_: Value) in }
    ) -> Bool {
        roll.withLock { roll in
            guard !roll.isClosed, roll.running[name] == nil, roll.running.count < capacity else { return false }
            roll.running[name] = Task {
                let value = await work()
                self.end(name)
                done(value)
            }
            return true
        }
    }

    private func end(_ name: Name) {
        let waiting = roll.withLock { roll in
            roll.running[name] = nil
            guard roll.running.isEmpty else { return [CheckedContinuation<Void, Never>]() }
            defer { roll.waiting = [] }
            return roll.waiting
        }
        for one in waiting { one.resume() }
    }

    var room: Int { roll.withLock { $0.isClosed ? 0 : capacity - $0.running.count } }

    /// Starts no more; those running are cancelled, which ends their rests but neither queries nor commits.
    func close() {
        let running = roll.withLock { roll in
            roll.isClosed = true
            return Array(roll.running.values)
        }
        for task in running { task.cancel() }
    }

    /// Returns when none runs.
    func settled() async {
        await withCheckedContinuation { continuation in
            let isEmpty = roll.withLock { roll in
                if roll.running.isEmpty { return true }
                roll.waiting.append(continuation)
                return false
            }
            if isEmpty { continuation.resume() }
        }
    }
}
