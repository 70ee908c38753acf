import ACME
import Foundation

/// What was asked of a CA, as far as its limits count it.
struct Counted: Sendable, Equatable {
    var at: Date
    var kind: Limit.Kind
    /// The registered domain, the name, or the names; nil for what an account counts as a whole.
    var key: String?
}

/// Lays planned renewals over the windows of each CA's limits.
struct LimitForecast {
    let domains: RegisteredDomain
    let title: (String) -> String
    /// By directory URL: what was asked already, oldest first.
    let before: [String: [Counted]]

    private struct Key: Hashable {
        let ca: String
        let kind: Limit.Kind
        let key: String?
    }

    /// - Parameters:
    ///   - renewals: by time.
    ///   - names: of each certificate, by its name.
    /// - Returns: one risk for each limit and key, at the first time that it does not hold.
    func risks(_ renewals: [RenewalPlan.Renewal], names: [String: [String]]) -> [RenewalPlan.Risk] {
        var seen: [Key: [Date]] = [:]
        for (ca, notes) in before {
            for note in notes { seen[Key(ca: ca, kind: note.kind, key: note.key), default: []].append(note.at) }
        }
        var told: Set<Key> = []
        var risks: [RenewalPlan.Risk] = []
        for renewal in renewals {
            let book = LimitBook.of(renewal.ca)
            for limit in book.limits where book.counts(limit.kind, renewal.kinship) {
                for text in Self.keys(limit.kind, names[renewal.name] ?? [renewal.name], domains) {
                    let key = Key(ca: renewal.ca, kind: limit.kind, key: text)
                    let start = renewal.at.addingTimeInterval(-limit.window)
                    var times = seen[key] ?? []
                    times.removeAll { $0 <= start }
                    if times.count >= limit.forRenewals, told.insert(key).inserted {
                        let free = times[times.count - limit.forRenewals].addingTimeInterval(limit.window)
                        risks.append(risk(renewal, limit, text, count: times.count, free: free))
                    }
                    times.append(renewal.at)
                    seen[key] = times
                }
            }
        }
        return risks
    }

    private func risk(
        _ renewal: RenewalPlan.Renewal, _ limit: Limit, _ key: String?, count: Int, free: Date
    ) -> RenewalPlan.Risk {
        let isGrave = free > renewal.before
        return RenewalPlan.Risk(
            kind: .limit, isGrave: isGrave, name: renewal.name, ca: renewal.ca, at: renewal.at,
            text:
                "\(title(renewal.ca)) allows \(limit.count) \(limit.kind.words(key)) in \(limit.period), of which a tenth is left to people; \(count) are used when \(renewal.name) is due. It waits until \(RFC3339.string(free))"
                + (isGrave ? ", after the end of the certificate that is there." : "."),
            change:
                "Spread the move over more days, put fewer names below one domain, or order from another authority too: `chancery ca order`."
        )
    }

    /// What a limit counts separately.
    static func keys(_ kind: Limit.Kind, _ names: [String], _ domains: RegisteredDomain) -> [String?] {
        switch kind {
        case .orders: [nil]
        case .certificates: Set(names.map(domains.of)).sorted()
        case .sameNames: [names.sorted().joined(separator: ", ")]
        case .failures, .accounts: []
        }
    }
}
