import ACMEClient
import Foundation

/// Something that was asked of a CA and counts.
struct Counted: Sendable, Equatable, Codable {
    var at: Date
    var kind: Limit.Kind
    /// The registered domain, the name, or the names; nil for what an account counts as a whole.
    var key: String?
}

/// What was asked of a CA: for the account as a whole, in `accounts/CA/ledger.json`, and below one registered domain, in
/// `accounts/CA/ledger/DOMAIN.json`.
struct LedgerPage: Sendable, Equatable, Codable {
    /// What limits count, oldest first; the newest 2,000.
    var notes: [Counted] = []
    /// All that was asked, by day (`2026-11-27`) and kind; the last 31 days. Of the account as a whole only.
    var days: [String: [String: Int]] = [:]
    /// The CA asked to be left alone.
    var hold: Hold?
    /// When pages of domains were last looked through for old ones.
    var swept: Date?

    struct Hold: Sendable, Equatable, Codable {
        var noted: Date
        var until: Date
        /// Safe for a terminal.
        var reason: String

        /// A clock that was set back by more than an hour ends it.
        func holds(at now: Date) -> Bool { until > now && noted <= now.addingTimeInterval(3600) }
    }

    static let most = 2_000

    /// What lies in a limit's window, oldest first. A note from the future is of a clock that was wrong.
    func times(_ limit: Limit, _ key: String?, now: Date) -> [Date] {
        let start = now.addingTimeInterval(-limit.window)
        return notes.filter { $0.kind == limit.kind && $0.key == key && $0.at > start && $0.at <= now.addingTimeInterval(3600) }
            .map(\.at).sorted()
    }

    mutating func add(_ note: Counted) {
        notes.append(note)
        if notes.count > Self.most { notes.removeFirst(notes.count - Self.most) }
    }

    mutating func count(_ kind: Limit.Kind, on day: String) {
        days[day, default: [:]][kind.rawValue, default: 0] += 1
        if days.count > 31 { for old in days.keys.sorted().dropLast(31) { days[old] = nil } }
    }

    /// Nothing in it matters any more. No limit looks back further than a week.
    func isStale(at now: Date) -> Bool {
        (notes.last?.at ?? .distantPast) < now.addingTimeInterval(-8 * 86_400) && hold?.holds(at: now) != true
    }
}

extension StoreFolder {
    private func ledgerPath(_ ca: String, _ domain: String?) -> String {
        domain.map { "\(account(ca))/ledger/\($0).json" } ?? "\(account(ca))/ledger.json"
    }

    /// - Parameter domain: a registered domain; nil: the account as a whole.
    /// - Returns: a blank one if there is none, or none that can be read: a damaged note must not stop a renewal.
    func ledger(_ ca: String, _ domain: String?) -> LedgerPage {
        let found = try? read(LedgerPage.self, from: ledgerPath(ca, domain))
        return (found ?? nil) ?? LedgerPage()
    }

    func save(_ page: LedgerPage, _ ca: String, _ domain: String?) throws(AgentError) {
        try Files.makeFolder(domain == nil ? account(ca) : "\(account(ca))/ledger")
        try write(page, to: ledgerPath(ca, domain))
    }

    /// Registered domains that there are pages of.
    func ledgerDomains(_ ca: String) -> [String] {
        Files.names(in: "\(account(ca))/ledger").filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }.map {
            String($0.dropLast(5))
        }
    }

    /// Removes pages that do not matter any more.
    func sweepLedger(_ ca: String, at now: Date) {
        for domain in ledgerDomains(ca) where ledger(ca, domain).isStale(at: now) { Files.remove(ledgerPath(ca, domain)) }
    }
}
