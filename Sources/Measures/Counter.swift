internal import Synchronization

/// A count that only rises, since the process started. Adding is one atomic instruction; nobody waits.
package final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    package init() {}

    package func add(_ more: Int = 1) { count.wrappingAdd(more, ordering: .relaxed) }
    package var value: Int { count.load(ordering: .relaxed) }
}

/// A number that rises and falls, such as of open connections.
package final class Gauge: Sendable {
    private let level = Atomic<Int>(0)

    package init() {}

    package func add(_ change: Int) { level.wrappingAdd(change, ordering: .relaxed) }
    package func set(_ value: Int) { level.store(value, ordering: .relaxed) }
    package var value: Int { level.load(ordering: .relaxed) }
}
