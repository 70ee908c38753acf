import Crypto
package import Foundation

/// A bound that a CA has published on what is asked of it.
package struct Limit: Sendable, Hashable, Encodable {
    package enum Kind: String, Sendable, Codable, CaseIterable {
        /// New orders of an account.
        case orders
        /// Certificates below one registered domain.
        case certificates
        /// Certificates for exactly the same names.
        case sameNames = "same-names"
        /// Validations of one name that failed.
        case failures
        /// New accounts of one address.
        case accounts

        /// `certificates for example.com`
        /// - Parameter key: the registered domain, the name, or the names; nil where there is one count for all.
        package func words(_ key: String?) -> String {
            switch self {
            case .orders: "new orders"
            case .certificates: "certificates below \(key ?? "one domain")"
            case .sameNames: "certificates for exactly \(key ?? "the same names")"
            case .failures: "failed validations of \(key ?? "one name")"
            case .accounts: "new accounts"
            }
        }

        /// What an order for these names is counted under, separately; a nil is one count for all.
        func keys(_ names: [String], _ domains: RegisteredDomain = .standard) -> [String?] {
            switch self {
            case .orders: [nil]
            case .certificates: Set(names.map(domains.of)).sorted()
            case .sameNames: [Self.set(names)]
            case .failures, .accounts: []
            }
        }

        /// One short text for a set of names, whatever their order.
        static func set(_ names: [String]) -> String {
            let sorted = Set(names).sorted()
            let whole = sorted.joined(separator: ", ")
            guard whole.utf8.count > 200, let first = sorted.first else { return whole }
            let digest = SHA256.hash(data: Data(whole.utf8)).prefix(6).map { String($0, radix: 16) }.joined()
            return "\(first) and \(sorted.count - 1) more (\(digest))"
        }
    }
    package let kind: Kind
    package let count: Int
    /// In seconds; it slides.
    package let window: TimeInterval

    init(_ kind: Kind, _ count: Int, per window: TimeInterval) { (self.kind, self.count, self.window) = (kind, count, window) }

    /// `7 days`
    package var period: String { durationWords(window) }

    /// What renewals by themselves leave over for a person and for need: a tenth.
    var forRenewals: Int { max(1, count - max(1, count / 10)) }
}

/// How an order stands to what was issued before, which spares it limits at some CAs.
package enum Kinship: String, Sendable, Codable {
    /// Names that this CA has not certified for us together.
    case new
    /// The same names again.
    case renewal
    /// The same, ordered as the replacement of a certificate by RFC 9773 section 5.
    case replacement
}

/// What is known of a CA's limits.
package struct LimitBook: Sendable, Hashable {
    package var limits: [Limit] = []
    /// Limits that do not count orders of this kinship.
    var spared: [Kinship: Set<Limit.Kind>] = [:]

    func counts(_ kind: Limit.Kind, _ kinship: Kinship) -> Bool { spared[kinship]?.contains(kind) != true }

    package func limit(_ kind: Limit.Kind) -> Limit? { limits.first { $0.kind == kind } }

    /// - Parameter ca: directory URL.
    package static func of(_ ca: String) -> LimitBook { known[ca] ?? LimitBook() }

    private static let (hour, day): (TimeInterval, TimeInterval) = (3600, 86_400)

    // letsencrypt.org/docs/rate-limits and its staging page, as of November 2026. The others publish no figures.
    private static let known: [String: LimitBook] = [
        "https://acme-v02.api.letsencrypt.org/directory": LimitBook(
            limits: [
                Limit(.orders, 300, per: 3 * hour), Limit(.certificates, 50, per: 7 * day), Limit(.sameNames, 5, per: 7 * day),
                Limit(.failures, 5, per: hour), Limit(.accounts, 10, per: 3 * hour),
            ], spared: letsEncryptSpares),
        "https://acme-staging-v02.api.letsencrypt.org/directory": LimitBook(
            limits: [
                Limit(.orders, 1_500, per: 3 * hour), Limit(.certificates, 30_000, per: 7 * day),
                Limit(.sameNames, 30_000, per: 7 * day), Limit(.failures, 200, per: hour), Limit(.accounts, 50, per: 3 * hour),
            ], spared: letsEncryptSpares),
    ]

    private static let letsEncryptSpares: [Kinship: Set<Limit.Kind>] = [
        .renewal: [.orders, .certificates], .replacement: [.orders, .certificates, .sameNames],
    ]
}

/// `7 days`, `3 hours`, `90 minutes`: in the largest unit that is whole.
func durationWords(_ seconds: TimeInterval) -> String {
    let units: [(TimeInterval, String)] = [(86_400, "day"), (3600, "hour"), (60, "minute")]
    for (length, word) in units where seconds >= length && seconds.truncatingRemainder(dividingBy: length) == 0 {
        let count = Int(seconds / length)
        return "\(count) \(word)\(count == 1 ? "" : "s")"
    }
    return "\(Int(seconds.rounded())) seconds"
}
