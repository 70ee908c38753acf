internal import DNS
internal import Measures
internal import NIOCore
internal import Synchronization

/// All connections of one listener: how many there are, how many from one address, and their orderly end.
final class Connections: Sendable {
    private final class Book: Sendable {
        private let state = Mutex(State())
        func withLock<Value>(_ body: (inout State) -> sending Value) -> Value { state.withLock { body(&$0) } }
    }
    private struct State {
        var count = 0
        var perAddress: [IPAddress: Int] = [:]
        /// Called once when there is room again.
        var onRoom: (@Sendable () -> Void)?
        var isDraining = false
        var drained: CheckedContinuation<Void, Never>?
    }
    private let maximum: Int
    private let maximumPerAddress: Int
    private let open: Gauge
    private let accepted: Counter
    private let state: Book
    private let wards: [NIOLoopBoundBox<Ward>]

    /// - Parameters:
    ///   - open: shows how many there are.
    ///   - accepted: counts them all.
    init(
        _ group: any EventLoopGroup, maximum: Int, perAddress: Int, _ limits: ConnectionLimits, open: Gauge, accepted: Counter
    ) {
        (self.maximum, maximumPerAddress, self.open, self.accepted) = (maximum, perAddress, open, accepted)
        let book = Book()
        state = book
        wards = group.makeIterator().map { loop in
            let ward = Ward(loop, limits, Pulse(loop)) { book.withLock { $0.count } >= maximum - maximum / 10 }
            return NIOLoopBoundBox.makeBoxSendingValue(ward, eventLoop: loop)
        }
    }

    /// - Returns: whether that address may have one connection more; if so, `leave` is to be called at its end.
    func enter(_ address: IPAddress) -> Bool {
        state.withLock { state in
            guard state.perAddress[address, default: 0] < maximumPerAddress else { return false }
            state.perAddress[address, default: 0] += 1
            return true
        }
    }

    func leave(_ address: IPAddress) {
        state.withLock { state in
            guard let count = state.perAddress[address] else { return }
            state.perAddress[address] = count > 1 ? count - 1 : nil
        }
    }

    /// - Returns: `nil` for an event loop that is not of the group.
    func ward(on loop: any EventLoop) -> Ward? { wards.first { $0.eventLoop === loop }?.value }

    func arrived() {
        state.withLock { $0.count += 1 }
        open.add(1)
        accepted.add()
    }

    func departed() {
        open.add(-1)
        let (onRoom, drained) = state.withLock { state in
            state.count -= 1
            var taken: (onRoom: (@Sendable () -> Void)?, drained: CheckedContinuation<Void, Never>?) = (nil, nil)
            if state.count < maximum { swap(&taken.onRoom, &state.onRoom) }
            if state.isDraining, state.count == 0 { swap(&taken.drained, &state.drained) }
            return taken
        }
        onRoom?()
        drained?.resume()
    }

    /// - Parameter later: called when there is room, if there is none now; replaces an earlier one.
    func hasRoom(orElse later: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            guard state.count >= maximum else { return true }
            state.onRoom = later
            return false
        }
    }

    /// Ends when every connection has: after the answer under way, or at once when the task is cancelled.
    func drain() async {
        for ward in wards { ward.eventLoop.execute { ward.value.quiesce() } }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isEmpty = state.withLock { state in
                    state.isDraining = true
                    if state.count > 0 { state.drained = continuation }
                    return state.count == 0
                }
                if isEmpty { continuation.resume() }
            }
        } onCancel: {
            for ward in wards { ward.eventLoop.execute { ward.value.closeAll() } }
        }
    }
}
