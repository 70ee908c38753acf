internal import NIOCore

/// How late an event loop gets to what is due: the time that everything new has to wait there. Looked at while there is work, by a timer that
/// should fire every 20 ms. Touched on its loop only.
final class Pulse {
    /// New handshakes wait from this delay on.
    static let swamped: Duration = .milliseconds(400)
    private static let interval: TimeAmount = .milliseconds(20)
    /// A single late beat is a whim of the scheduler; only what stands so long, and for two beats at least, is a queue.
    private static let memory: TimeAmount = .milliseconds(150)
    /// Beats without work until the pulse rests.
    private static let patience = 50

    private let loop: any EventLoop
    private var recent: [(at: NIODeadline, late: Duration)] = []
    private var isBeating = false
    private var idleBeats = 0
    private var next: (() -> Void)?
    /// The least delay of the last beats.
    private(set) var delay: Duration = .zero

    init(_ loop: any EventLoop) { self.loop = loop }

    /// There is work.
    /// - Parameter next: to be called at the next beat; at most one is kept.
    func note(_ next: (() -> Void)? = nil) {
        idleBeats = 0
        if let next { self.next = next }
        if !isBeating { beatLater() }
    }

    private func beatLater() {
        isBeating = true
        let due = NIODeadline.now() + Self.interval
        loop.assumeIsolated().scheduleTask(deadline: due) { self.beat(due) }
    }

    private func beat(_ due: NIODeadline) {
        isBeating = false
        let now = NIODeadline.now()
        recent.append((now, .nanoseconds((now - due).nanoseconds)))
        while recent.count > 2, let first = recent.first, first.at + Self.memory < now { recent.removeFirst() }
        delay = recent.count < 2 ? .zero : recent.map(\.late).min() ?? .zero
        idleBeats += 1
        let next = next
        self.next = nil
        next?()
        guard !isBeating else { return }
        if idleBeats <= Self.patience { return beatLater() }
        recent.removeAll(keepingCapacity: true)
        delay = .zero
    }
}
