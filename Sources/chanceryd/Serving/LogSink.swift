import Dispatch
import Synchronization

/// The one writer of log lines. Whoever logs only queues: a reader that stops reading stops no request. At most `limit` lines
/// wait; what comes then is counted and said once there is room again.
final class LogSink: Sendable {
    private struct Waiting {
        var lines = 0
        var lost = 0
    }

    private let queue = DispatchQueue(label: "log")
    private let waiting = Mutex(Waiting())
    private let limit: Int
    private let write: @Sendable (String) -> Void

    /// - Parameter write: called on one queue, a whole line with its line feed at a time; may block.
    init(limit: Int = 10_000, write: @escaping @Sendable (String) -> Void) {
        self.limit = limit
        self.write = write
    }

    static let standardError = LogSink { writeWhole($0, to: 2) }

    func log(_ line: String) {
        let lost: Int? = waiting.withLock { state in
            guard state.lines < limit else {
                state.lost += 1
                return nil
            }
            defer { state.lost = 0 }
            state.lines += 1
            return state.lost
        }
        guard let lost else { return }
        queue.async { [self] in
            if lost > 0 { write("warning log lines lost count=\(lost)\n") }
            write(line)
            waiting.withLock { $0.lines -= 1 }
        }
    }

    /// Waits until what is queued is written, at most `seconds`: a stuck reader must not keep the process alive.
    func flush(seconds: Double = 2) {
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        _ = done.wait(timeout: .now() + seconds)
    }
}
