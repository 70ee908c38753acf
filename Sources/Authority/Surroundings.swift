internal import Crypto
package import Foundation

/// Time and chance, handed in where the daemon is put together, so that a test lives through 90 days in a second.
package struct Surroundings: Sendable {
    /// What is written down.
    package var now: @Sendable () -> Date
    /// What is waited for; throws only when the task is cancelled.
    package var sleep: @Sendable (Duration) async throws -> Void
    /// Time that only goes forward, as `sleep` counts it; whatever the clock on the wall does.
    package var uptime: @Sendable () -> Duration
    /// That many bytes from a cryptographic source.
    package var random: @Sendable (_ bytes: Int) -> [UInt8]

    package init(
        now: @escaping @Sendable () -> Date, sleep: @escaping @Sendable (Duration) async throws -> Void,
        uptime: @escaping @Sendable () -> Duration, random: @escaping @Sendable (Int) -> [UInt8]
    ) {
        (self.now, self.sleep, self.uptime, self.random) = (now, sleep, uptime, random)
    }

    package static let real = Surroundings(
        now: { Date() },
        sleep: { try await Task.sleep(for: $0) },
        uptime: { [start = ContinuousClock.now] in ContinuousClock.now - start },
        random: { count in
            // One system call, where the generator of the standard library makes one for each word.
            [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                if let start = buffer.baseAddress { arc4random_buf(start, count) }
                filled = count
            }
        })
}
