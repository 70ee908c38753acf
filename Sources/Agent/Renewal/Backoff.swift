import Foundation

/// How long a certificate is left alone after failures: front-loaded, so that a hiccup is got over at once and a fault that stays
/// does not eat the CA's limits.
enum Backoff {
    /// The pause after a number of failures in a row: 1, 10 and 100 minutes, then a day; never more than a 24th of the
    /// certificate's lifetime, so that one of six days is tried every six hours and one of an hour every few minutes.
    /// - Parameters:
    ///   - lifetime: of the certificate, in seconds; nil if there is none yet.
    ///   - chance: from 0 up to 1; takes up to a quarter off, so that machines that failed together do not come again together.
    static func pause(after failures: Int, lifetime: TimeInterval?, chance: Double) -> TimeInterval {
        let steps: [TimeInterval] = [60, 600, 6_000, 86_400]
        let step = steps[min(max(failures, 1), steps.count) - 1]
        let longest = max(60, (lifetime ?? .infinity) / 24)
        return min(step, longest) * (1 - 0.25 * min(max(chance, 0), 1))
    }
}
