internal import Synchronization

/// Lets a number of tasks through at a time; the others wait in line. Waiting is not cancellable: those before it have deadlines.
final class Gate: Sendable {
    private struct Line {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
        var next = 0
    }
    private let line: Mutex<Line>

    init(width: Int) { line = Mutex(Line(free: max(1, width))) }

    func pass<Value: Sendable>(_ work: () async -> Value) async -> Value {
        await enter()
        defer { leave() }
        return await work()
    }

    private func enter() async {
        await withCheckedContinuation { continuation in
            let mayPass = line.withLock { line in
                guard line.free == 0 else {
                    line.free -= 1
                    return true
                }
                line.waiting.append(continuation)
                return false
            }
            if mayPass { continuation.resume() }
        }
    }

    private func leave() {
        let next: CheckedContinuation<Void, Never>? = line.withLock { line in
            guard line.next < line.waiting.count else {
                line.waiting.removeAll(keepingCapacity: true)
                line.next = 0
                line.free += 1
                return nil
            }
            let first = line.waiting[line.next]
            line.next += 1
            if line.next > 1_000 {
                line.waiting.removeFirst(line.next)
                line.next = 0
            }
            return first
        }
        next?.resume()
    }
}
