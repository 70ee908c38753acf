import ACME
import Foundation

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
    /// - Returns: one risk for each limit and key: the first time that it leaves nothing to renewals, or the first certificate that expires
    /// before the CA's whole limit has room for it.
    func risks(_ renewals: [RenewalPlan.Renewal], names: [String: [String]]) -> [RenewalPlan.Risk] {
        var seen: [Key: [Date]] = [:]
        for (ca, notes) in before {
            for note in notes { seen[Key(ca: ca, kind: note.kind, key: note.key), default: []].append(note.at) }
        }
        var found: [Key: RenewalPlan.Risk] = [:]
        for renewal in renewals {
            let book = LimitBook.of(renewal.ca)
            for limit in book.limits where book.counts(limit.kind, renewal.kinship) {
                for text in limit.kind.keys(names[renewal.name] ?? [renewal.name], domains) {
                    let key = Key(ca: renewal.ca, kind: limit.kind, key: text)
                    let start = renewal.at.addingTimeInterval(-limit.window)
                    var times = seen[key] ?? []
                    times.removeAll { $0 <= start }
                    func free(_ allowed: Int) -> Date? {
                        times.count < allowed ? nil : times[times.count - allowed].addingTimeInterval(limit.window)
                    }
                    if let late = free(limit.count), late > renewal.before {
                        if found[key]?.isGrave != true {
                            found[key] = risk(renewal, limit, text, used: times.count, free: late, isGrave: true)
                        }
                    } else if let later = free(limit.forRenewals), found[key] == nil {
                        found[key] = risk(renewal, limit, text, used: times.count, free: later, isGrave: false)
                    }
                    times.append(renewal.at)
                    seen[key] = times
                }
            }
        }
        return found.values.sorted { ($0.at, $0.text) < ($1.at, $1.text) }
    }

    private func risk(
        _ renewal: RenewalPlan.Renewal, _ limit: Limit, _ key: String?, used: Int, free: Date, isGrave: Bool
    ) -> RenewalPlan.Risk {
        let waits =
            isGrave
            ? "There is no room for it before \(RFC3339.string(free)), when the certificate that is there has expired."
            : "It waits until \(RFC3339.string(free)), or the last tenth of its lifetime."
        return RenewalPlan.Risk(
            kind: .limit, isGrave: isGrave, name: renewal.name, ca: renewal.ca, at: renewal.at,
            text:
                "\(title(renewal.ca)) allows \(limit.count) \(limit.kind.words(key)) in \(limit.period), of which a tenth is left to people and need; \(used) are used when \(renewal.name) is due. \(waits)",
            change:
                "Spread the move over more days, put more names into fewer certificates, or order from another authority too: `chancery ca order`."
        )
    }
}
