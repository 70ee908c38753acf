import Foundation
import Synchronization
import Testing
import Validation

/// Time stands still until it is told to go on.
private final class Hours: Sendable {
    private let state = Mutex<(now: Duration, sleepers: [(due: Duration, wake: CheckedContinuation<Void, Never>)])>((.zero, []))
    var naps: Int { state.withLock { $0.sleepers.count } }
    var deadlines: Deadlines {
        Deadlines(uptime: { self.state.withLock { $0.now } }, sleep: { await self.sleep($0) })
    }

    private func sleep(_ time: Duration) async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if time > .zero { state.sleepers.append((state.now + time, continuation)) }
                return time <= .zero
            }
            if isOver { continuation.resume() }
        }
    }

    func advance(_ time: Duration) {
        let due = state.withLock { state in
            state.now += time
            let due = state.sleepers.filter { $0.due <= state.now }
            state.sleepers.removeAll { $0.due <= state.now }
            return due
        }
        for one in due { one.wake.resume() }
    }

    func until(_ condition: () -> Bool) async { while !condition() { await Task.yield() } }
}

@Suite(.timeLimit(.minutes(1)))
struct DeadlinesTests {
    @Test func `what is due happens in order, the nearer first whenever it came`() async {
        let hours = Hours()
        let done = Mutex<[Int]>([])
        let deadlines = hours.deadlines
        let entries = [(10, 1), (2, 2), (10, 3), (5, 4)].map { seconds, number in
            deadlines.after(.seconds(seconds)) { done.withLock { $0.append(number) } }
        }
        await hours.until { hours.naps >= 1 }
        hours.advance(.seconds(2))
        await hours.until { done.withLock { $0.count } == 1 }
        await hours.until { hours.naps >= 1 }
        hours.advance(.seconds(3))
        await hours.until { done.withLock { $0.count } == 2 }
        await hours.until { hours.naps >= 1 }
        hours.advance(.seconds(5))
        await hours.until { done.withLock { $0.count } == 4 }
        #expect(done.withLock { $0 } == [2, 4, 1, 3])
        #expect(entries.count == 4)
    }

    @Test func `what was called off never happens, and nobody wakes for it`() async {
        let hours = Hours()
        let done = Mutex<[Int]>([])
        let deadlines = hours.deadlines
        let first = deadlines.after(.seconds(1)) { done.withLock { $0.append(1) } }
        await hours.until { hours.naps == 1 }
        let others = (2...1_000).map { number in deadlines.after(.seconds(1)) { done.withLock { $0.append(number) } } }
        let last = deadlines.after(.seconds(3)) { done.withLock { $0.append(0) } }
        first.callOff()
        for other in others { other.callOff() }
        hours.advance(.seconds(1))
        await hours.until { hours.naps == 1 }
        hours.advance(.seconds(2))
        await hours.until { done.withLock { !$0.isEmpty } }
        #expect(done.withLock { $0 } == [0])
        _ = last
        #expect(hours.naps == 0)
    }
}
