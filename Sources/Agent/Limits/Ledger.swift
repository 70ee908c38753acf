import ACME
import ACMEClient
package import Foundation
import Synchronization

/// How much of a limit is used.
package struct Budget: Sendable, Equatable, Encodable {
    package let limit: Limit
    /// The registered domain, the name, or the names; nil for what an account counts as a whole.
    package let key: String?
    package let used: Int
    /// When there is room again; nil if there is.
    package let free: Date?
    package var left: Int { max(0, limit.count - used) }

    /// `44 of 50 certificates below example.com in 7 days are left`
    package var words: String {
        let count = "\(left) of \(limit.count) \(limit.kind.words(key)) in \(limit.period) \(left == 1 ? "is" : "are") left"
        return free.map { "\(count), until \(RFC3339.string($0))" } ?? count
    }
}

/// A time before which a CA is better not asked, and why.
struct LedgerWait: Sendable, Equatable {
    var until: Date
    var reason: String
}

/// How much of a limit is not to be used.
enum Leaving { case nothing, reserve }

extension CertificateAgent {
    /// Notes what was asked of a CA. A note that cannot be written is told, and stops nothing.
    /// - Parameter kind: `certificates` stands for the same names too.
    func enter(_ kind: Limit.Kind, _ names: [String], _ kinship: Kinship = .new, at ca: String) {
        Self.notes.withLock { _ in write(kind, names, kinship, at: ca) }
    }

    private func write(_ kind: Limit.Kind, _ names: [String], _ kinship: Kinship, at ca: String) {
        let (now, book) = (configuration.now(), LimitBook.of(ca))
        do throws(AgentError) {
            var page = store.ledger(ca, nil)
            page.count(kind, on: String(RFC3339.string(now).prefix(10)))
            if [.orders, .accounts].contains(kind), book.limit(kind) != nil, book.counts(kind, kinship) {
                page.add(Counted(at: now, kind: kind))
            }
            if now.timeIntervalSince(page.swept ?? .distantPast) > 86_400 {
                store.sweepLedger(ca, at: now)
                page.swept = now
            }
            try store.save(page, ca, nil)
            for (domain, notes) in Self.domainNotes(kind, names, kinship, book, now) {
                var page = store.ledger(ca, domain)
                for note in notes { page.add(note) }
                try store.save(page, ca, domain)
            }
        } catch { tell(.warning("What was asked of \(ca.sanitized) could not be noted: \(error.message)")) }
    }

    /// What goes to the pages of domains.
    private static func domainNotes(
        _ kind: Limit.Kind, _ names: [String], _ kinship: Kinship, _ book: LimitBook, _ now: Date
    ) -> [String: [Counted]] {
        var notes: [String: [Counted]] = [:]
        switch kind {
        case .orders, .accounts: break
        case .failures:
            guard book.limit(.failures) != nil else { break }
            for name in names { notes[page(.failures, name), default: []].append(Counted(at: now, kind: kind, key: name)) }
        case .certificates, .sameNames:
            for kind in [Limit.Kind.certificates, .sameNames] where book.limit(kind) != nil && book.counts(kind, kinship) {
                for key in kind.keys(names) {
                    notes[page(kind, key, names) ?? "", default: []].append(Counted(at: now, kind: kind, key: key))
                }
            }
        }
        notes[""] = nil
        return notes
    }

    private static func page(_ kind: Limit.Kind, _ name: String) -> String { RegisteredDomain.standard.of(name) }

    /// The page that a count stands on: the account's (nil), or a registered domain's.
    private static func page(_ kind: Limit.Kind, _ key: String?, _ names: [String]) -> String? {
        switch kind {
        case .orders, .accounts: nil
        case .certificates: key
        case .sameNames: Set(names).sorted().first.map(RegisteredDomain.standard.of)
        case .failures: key.map(RegisteredDomain.standard.of)
        }
    }

    /// Notes that a CA asked to be left alone, for as much as its text says: the account, or the names' domains. Where it does not say, the
    /// account for an hour at most, so that many certificates do not each get the same answer.
    func hold(_ error: AgentError, _ names: [String], at ca: String) {
        guard let until = error.until, let problem = error.problem, problem.errorType == .rateLimited || problem.status == 429
        else { return }
        let now = configuration.now()
        let scope = RateLimitScope(problem)
        let bound = scope == .unknown ? min(until, now.addingTimeInterval(3600)) : until
        let hold = LedgerPage.Hold(noted: now, until: bound, reason: problem.sentence)
        let pages: [String?]
        switch scope {
        case .account, .unknown: pages = [nil]
        case .domain: pages = Set(names.map(RegisteredDomain.standard.of)).sorted()
        case .names: pages = []
        }
        Self.notes.withLock { _ in
            do throws(AgentError) {
                for domain in pages {
                    var page = store.ledger(ca, domain)
                    page.hold = hold
                    try store.save(page, ca, domain)
                }
            } catch { tell(.warning("What \(ca.sanitized) asked for could not be noted: \(error.message)")) }
        }
    }

    /// - Returns: nil if nothing speaks against an order now.
    func wait(_ names: [String], _ kinship: Kinship, at ca: String, leaving: Leaving) -> LedgerWait? {
        let now = configuration.now()
        var found: [LedgerWait] = []
        let domains = Set(names.map(RegisteredDomain.standard.of)).sorted()
        for domain in [nil] + domains.map(Optional.some) {
            guard let hold = store.ledger(ca, domain).hold, hold.holds(at: now) else { continue }
            found.append(
                LedgerWait(
                    until: hold.until,
                    reason: "\(ca.sanitized) asked to wait until \(RFC3339.string(hold.until)). \(hold.reason)"))
        }
        for budget in budgets(names, kinship, at: ca) {
            let allowed = leaving == .reserve ? budget.limit.forRenewals : budget.limit.count
            guard budget.used >= allowed, let until = free(budget.limit, budget.key, names, at: ca, allowed: allowed) else {
                continue
            }
            found.append(
                LedgerWait(
                    until: until,
                    reason:
                        "\(ca.sanitized) allows \(budget.limit.count) \(budget.limit.kind.words(budget.key)) in \(budget.limit.period), and \(budget.used) are used."
                ))
        }
        return found.max { $0.until < $1.until }
    }

    private func free(_ limit: Limit, _ key: String?, _ names: [String], at ca: String, allowed: Int) -> Date? {
        let times = store.ledger(ca, Self.page(limit.kind, key, names)).times(limit, key, now: configuration.now())
        return times.count < allowed ? nil : times[times.count - allowed].addingTimeInterval(limit.window)
    }

    /// What an order for these names would use, and what is left of it.
    func budgets(_ names: [String], _ kinship: Kinship, at ca: String) -> [Budget] {
        let book = LimitBook.of(ca)
        return book.limits.flatMap { limit -> [Budget] in
            guard book.counts(limit.kind, kinship) else { return [] }
            let keys = limit.kind == .failures ? names.map(Optional.some) : limit.kind.keys(names)
            return keys.map { budget(limit, $0, names, at: ca) }
        }
    }

    private func budget(_ limit: Limit, _ key: String?, _ names: [String], at ca: String) -> Budget {
        let used = store.ledger(ca, Self.page(limit.kind, key, names)).times(limit, key, now: configuration.now()).count
        return Budget(
            limit: limit, key: key, used: used,
            free: used < limit.count ? nil : free(limit, key, names, at: ca, allowed: limit.count))
    }

    /// Of the account as a whole, and of the registered domains that have most used, five at most.
    func budgets(at ca: String) -> [Budget] {
        let book = LimitBook.of(ca)
        guard !book.limits.isEmpty else { return [] }
        var found = [Limit.Kind.orders, .accounts].compactMap(book.limit).map { budget($0, nil, [], at: ca) }
        if let limit = book.limit(.certificates) {
            let domains = store.ledgerDomains(ca).map { budget(limit, $0, [], at: ca) }.filter { $0.used > 0 }
            found += domains.sorted { ($1.used, $0.key ?? "") < ($0.used, $1.key ?? "") }.prefix(5)
        }
        return found
    }

    /// How an order at this CA stands to what is there, as far as can be known before it is made.
    func kinship(_ names: [String], replacing old: Lineage?, at ca: String) -> Kinship {
        guard let old, old.ca == ca, Set(old.names) == Set(names) else { return .new }
        let mayReplace = old.identifier != nil && (try? store.accountRecord(ca))??.url == old.account
        return mayReplace && store.advice(old)?.window != nil ? .replacement : .renewal
    }

    /// What an order takes of the CA's limits, in words.
    func cost(_ names: [String], _ kinship: Kinship, at ca: String) -> String {
        let book = LimitBook.of(ca)
        guard !book.limits.isEmpty else { return "one order and one certificate; the CA publishes no limits." }
        // What a failed validation would cost is no price of the order.
        let budgets = budgets(names, kinship, at: ca).filter { $0.limit.kind != .failures }
        guard !budgets.isEmpty else { return "nothing, since it is ordered as a replacement." }
        let parts = budgets.map { budget in
            budget.left > 0
                ? "1 of the \(budget.left) \(budget.limit.kind.words(budget.key)) that are left of \(budget.limit.count) in \(budget.limit.period)"
                : "more than the \(budget.limit.count) \(budget.limit.kind.words(budget.key)) in \(budget.limit.period), which are used up\(budget.free.map { " until \(RFC3339.string($0))" } ?? ""): the CA will most likely refuse"
        }
        return parts.joined(separator: "; ") + "."
    }
}
