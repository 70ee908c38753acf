import Dispatch
import Measures
import Synchronization

/// The one writer of log lines. Whoever logs only adds to what waits: a reader that stops reading stops no request. What has gathered
/// while the last lines were being written goes out in one write. At most `limit` bytes wait; a line that finds no room is counted, and the
/// count said once there is room again.
final class LogSink: Sendable {
    private struct Waiting {
        var text = ""
        var lost = 0
        var isDraining = false
    }

    /// Lines for which there was no room.
    let lost = Counter()
    private let queue = DispatchQueue(label: "log")
    private let waiting = Mutex(Waiting())
    private let limit: Int
    private let gathering: DispatchTimeInterval
    private let write: @Sendable (String) -> Void

    /// - Parameters:
    ///   - gathering: how long a line may wait for company.
    ///   - write: called on one queue with whole lines, line feeds included; may block.
    init(limit: Int = 4 << 20, gathering: DispatchTimeInterval = .milliseconds(50), write: @escaping @Sendable (String) -> Void) {
        (self.limit, self.gathering, self.write) = (limit, gathering, write)
    }

    static let standardError = LogSink { writeWhole($0, to: 2) }

    func log(_ line: String) {
        let starts = waiting.withLock { state in
            guard state.text.utf8.count + line.utf8.count <= limit else {
                lost.add()
                state.lost += 1
                return false
            }
            state.text += line
            defer { state.isDraining = true }
            return !state.isDraining
        }
        if starts { queue.asyncAfter(deadline: .now() + gathering) { self.drain() } }
    }

    private func drain() {
        while true {
            let (text, lost) = waiting.withLock { state in
                defer { (state.text, state.lost) = ("", 0) }
                state.isDraining = !state.text.isEmpty
                return (state.text, state.lost)
            }
            if text.isEmpty { return }
            write(text)
            if lost > 0 { write("warning log lines lost count=\(lost)\n") }
        }
    }

    /// Waits until what is queued is written, at most `seconds`: a stuck reader must not keep the process alive.
    func flush(seconds: Double = 2) {
        let done = DispatchSemaphore(value: 0)
        queue.async {
            self.drain()
            done.signal()
        }
        _ = done.wait(timeout: .now() + seconds)
    }
}
