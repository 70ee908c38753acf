import ACME

/// What a CA's limit is about, by its own words (Let's Encrypt's and its relatives'; chanceryd's name the limit).
enum RateLimitScope: Sendable, Equatable {
    case account
    /// One registered domain.
    case domain
    /// These names alone.
    case names
    case unknown

    init(_ problem: Problem) {
        let text = (problem.detail ?? "").lowercased()
        let known: [(String, RateLimitScope)] = [
            ("too many new orders", .account), ("too many currently pending", .account), ("too many requests", .account),
            ("registrations", .account), ("exact set of", .names), ("duplicate certificate", .names),
            ("already issued for this exact", .names), ("too many failed authorizations", .names),
            ("too many certificates", .domain),
        ]
        self = known.first { text.contains($0.0) }?.1 ?? .unknown
    }
}
