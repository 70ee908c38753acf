package import Foundation

/// Why a certificate is due when it is.
package enum RenewalReason: String, Sendable, Codable, CaseIterable {
    /// The CA's renewal information says so.
    case advised
    /// A third of the lifetime is left, and the CA advises nothing.
    case third
    /// A tenth is left: whatever the CA advises, it is renewed now.
    case emergency

    /// `a third of its lifetime is left`
    package var words: String {
        switch self {
        case .advised: "its authority advises it"
        case .third: "a third of its lifetime is left"
        case .emergency: "a tenth of its lifetime is left"
        }
    }
}

/// When a certificate is to be renewed. Everything is a share of the lifetime, so that six days and a year are treated alike.
package enum RenewalTime {
    /// The share of the lifetime that is left when renewal is due by itself.
    package static let share = 1.0 / 3
    /// The share that is left when renewal is due against all advice.
    package static let emergencyShare = 0.1
    /// The share of the lifetime that a certificate lives at least before advice has it renewed: else a CA that puts every window into
    /// the past would be asked for certificates for ever.
    static let leastShare = 0.01

    /// The first moment at which renewal is due: as advised; without advice, when a third of the lifetime is left; in any case when a
    /// tenth is left.
    /// - Parameters:
    ///   - notAfter: the last second of the validity (RFC 5280 section 4.1.2.5). Before `notBefore`, it is due at once.
    ///   - advised: the instant that was chosen in the CA's window.
    ///   - installed: when this certificate became live; nil for the start of its validity.
    package static func due(
        notBefore: Date, notAfter: Date, advised: Date? = nil, installed: Date? = nil
    ) -> (at: Date, reason: RenewalReason) {
        let lifetime = notAfter.timeIntervalSince(notBefore) + 1
        guard lifetime > 0 else { return (notBefore, .emergency) }
        let end = notAfter.addingTimeInterval(1)
        guard let advised else { return (end.addingTimeInterval(-lifetime * share), .third) }
        let floor = end.addingTimeInterval(-lifetime * emergencyShare)
        let earliest = (installed ?? notBefore).addingTimeInterval(lifetime * leastShare)
        let chosen = max(advised, earliest)
        return chosen < floor ? (chosen, .advised) : (floor, .emergency)
    }
}
