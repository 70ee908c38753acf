#if DEBUG
    internal import Foundation
    internal import Synchronization

    /// A place at which a debug build can be told to die as if by `kill -9`, by the environment variable
    /// `CHANCERY_FAULT_POINT=NAME` or `NAME:COUNT` (the COUNT-th time that it is reached; 1 if left out). Release builds have none of it.
    ///
    /// Each name stands in one place of the code: what is just behind a durable step ends in `after`, just before it in `before`.
    package func crashPoint(_ name: String) { CrashPlan.fromEnvironment?.reached(name) }

    final class CrashPlan: Sendable {
        static let fromEnvironment = ProcessInfo.processInfo.environment["CHANCERY_FAULT_POINT"].map(CrashPlan.init(text:))
        let name: String
        private let left: Atomic<Int>

        init(text: String) {
            let parts = text.split(separator: ":", maxSplits: 1)
            name = parts.first.map(String.init) ?? ""
            left = Atomic(parts.count == 2 ? Int(parts[1]) ?? 1 : 1)
        }

        /// - Returns: whether this was the time to die.
        func isDue(_ point: String) -> Bool {
            point == name && left.wrappingSubtract(1, ordering: .relaxed).newValue == 0
        }

        func reached(_ point: String) {
            guard isDue(point) else { return }
            kill(getpid(), SIGKILL)
            // The signal is on its way; nothing else may happen here meanwhile.
            while true { pause() }
        }
    }
#else
    /// Nothing, in release builds.
    @inlinable @inline(__always)
    package func crashPoint(_ name: @autoclosure () -> String) {}
#endif
