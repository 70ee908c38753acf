package import Foundation

/// When a certificate is to be renewed: once a third of its lifetime is left, whether that is days or hours.
package enum RenewalTime {
    /// The share of the lifetime that is to be left.
    package static let share = 1.0 / 3

    /// The first moment at which renewal is due.
    /// - Parameter notAfter: the last second of the validity (RFC 5280 section 4.1.2.5). Before `notBefore`, it is due at once.
    package static func due(notBefore: Date, notAfter: Date) -> Date {
        let lifetime = notAfter.timeIntervalSince(notBefore) + 1
        guard lifetime > 0 else { return notBefore }
        return notAfter.addingTimeInterval(1 - lifetime * share)
    }

    package static func isDue(notBefore: Date, notAfter: Date, now: Date) -> Bool {
        now >= due(notBefore: notBefore, notAfter: notAfter)
    }
}
