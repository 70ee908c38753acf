internal import NIOCore
internal import Synchronization

/// How much may be worked on at a time.
package struct LoadLimits: Sendable {
    /// Requests for new accounts and orders, and requests of all kinds.
    package var beginning = 256
    package var all = 4096
    /// Beginnings are refused in a rising share from one delay of the event loop to the other.
    package var delays: (from: Duration, to: Duration) = (.milliseconds(250), .milliseconds(750))

    package init() {}
}

/// Who is let in when more is asked than can be done. What has begun is finished first: an order in progress is work that would be lost, a new one
/// is work that can wait. What costs as little as its refusal (a nonce, the directory, a page) is never refused.
final class Admission: Sendable {
    enum Kind: Sendable {
        /// Brings further requests with it: a new account, a new order.
        case beginning
        /// Belongs to something that has begun, or must not wait: revocations, readiness.
        case continuing
    }

    private let limits: LoadLimits
    private let beginnings = Atomic(0)
    private let all = Atomic(0)
    private let refusals = Atomic(0)
    private let turn = Atomic<UInt32>(0)
    private let untold = Mutex<(count: Int, since: NIODeadline)>((0, .distantPast))

    init(_ limits: LoadLimits) { self.limits = limits }

    /// - Parameter delay: of the event loop that asks.
    /// - Returns: whether the request may be worked on; `leave` is to be called when it is done.
    func enter(_ kind: Kind, delay: Duration) -> Bool {
        guard kind == .continuing || isTurn(delay) else { return refuse() }
        guard all.wrappingAdd(1, ordering: .relaxed).newValue <= limits.all else {
            all.wrappingSubtract(1, ordering: .relaxed)
            return refuse()
        }
        guard kind == .beginning else { return true }
        guard beginnings.wrappingAdd(1, ordering: .relaxed).newValue <= limits.beginning else {
            leave(kind)
            return refuse()
        }
        return true
    }

    func leave(_ kind: Kind) {
        all.wrappingSubtract(1, ordering: .relaxed)
        if kind == .beginning { beginnings.wrappingSubtract(1, ordering: .relaxed) }
    }

    /// Evenly spread: of 16 in a row as many as the delay leaves.
    private func isTurn(_ delay: Duration) -> Bool {
        guard delay > limits.delays.from else { return true }
        let share = (limits.delays.to - delay) / (limits.delays.to - limits.delays.from)
        // 5 and 16 have no common factor, so that every remainder has its turn.
        let number = turn.wrappingAdd(5, ordering: .relaxed).newValue % 16
        return Double(number) < share * 16
    }

    private func refuse() -> Bool {
        refusals.wrappingAdd(1, ordering: .relaxed)
        untold.withLock { $0.count += 1 }
        return false
    }

    var refused: Int { refusals.load(ordering: .relaxed) }
    var underWay: Int { all.load(ordering: .relaxed) }

    /// How many were refused since this was last told, once a second at most: a line for each would cost more than the refusal.
    func tell() -> Int? {
        untold.withLock { untold in
            let now = NIODeadline.now()
            guard untold.count > 0, untold.since + .seconds(1) < now else { return nil }
            defer { untold = (0, now) }
            return untold.count
        }
    }
}
