internal import NIOCore
internal import Synchronization

/// All connections of one listener: how many there are, and their orderly end.
final class Connections: Sendable {
    private struct State {
        var count = 0
        /// Called once when there is room again.
        var onRoom: (@Sendable () -> Void)?
        var isDraining = false
        var drained: CheckedContinuation<Void, Never>?
    }
    private let maximum: Int
    private let wards: [NIOLoopBoundBox<Ward>]
    private let state = Mutex(State())

    init(_ group: any EventLoopGroup, maximum: Int, _ limits: ConnectionLimits) {
        self.maximum = maximum
        wards = group.makeIterator().map { loop in NIOLoopBoundBox.makeBoxSendingValue(Ward(loop, limits), eventLoop: loop) }
    }

    /// - Returns: `nil` for an event loop that is not of the group.
    func ward(on loop: any EventLoop) -> Ward? { wards.first { $0.eventLoop === loop }?.value }

    func arrived() { state.withLock { $0.count += 1 } }

    func departed() {
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
