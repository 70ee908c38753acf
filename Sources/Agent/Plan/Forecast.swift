import Foundation

/// Lives through the months to come for each certificate: the agent's own rules for when a renewal is due and how long it pauses after a
/// failure, and nothing of the network.
struct Forecast {
    /// A certificate as it stands.
    struct Subject {
        var name: String
        var names: [String]
        /// Where it was issued, a directory URL.
        var ca: String
        /// Where renewals may go, in order; see `CertificateAgent.eligible`.
        var pool: [String]
        var notBefore: Date
        var notAfter: Date
        /// As the CA advised.
        var advised: Date?
        var installed: Date?
        /// Whether an order may name the certificate that it replaces.
        var isReplaceable = true
        /// After failures it is left alone until then.
        var pausedUntil: Date?
    }

    /// So many renewals of one certificate are shown.
    static let listed = 100
    /// So many are lived through, of one certificate.
    private static let most = 10_000

    let now: Date
    let end: Date
    let outages: [Outage]
    /// By directory URL.
    let health: [String: Health]
    /// The name that a person knows a CA by.
    let title: (String) -> String

    private(set) var renewals: [RenewalPlan.Renewal] = []
    private(set) var risks: [RenewalPlan.Risk] = []

    init(now: Date, end: Date, outages: [Outage], health: [String: Health], title: @escaping (String) -> String) {
        (self.now, self.end, self.outages, self.health, self.title) = (now, end, outages, health, title)
    }

    mutating func follow(_ subject: Subject) {
        var state = subject
        for _ in 0..<Self.most {
            let due = RenewalTime.due(
                notBefore: state.notBefore, notAfter: state.notAfter, advised: state.advised, installed: state.installed)
            let first = max(due.at, now, state.pausedUntil ?? now)
            guard first < end else { return }
            let lifetime = state.notAfter.timeIntervalSince(state.notBefore) + 1
            let found = attempt(state, lifetime: lifetime, from: first)
            let gap = (found?.at ?? end).timeIntervalSince(state.notAfter)
            if gap > 0 { risks.append(expiry(state, until: found?.at, since: first)) }
            guard let (at, ca) = found, at < end else { return }
            let length = min(lifetime, LifetimeCap.of(ca, at: at) ?? lifetime)
            let moved = ca != state.ca
            renewals.append(
                RenewalPlan.Renewal(
                    name: state.name, at: at, reason: due.reason, ca: ca, authority: title(ca), movedFrom: moved ? state.ca : nil,
                    before: state.notAfter, notAfter: at.addingTimeInterval(length - 1), delay: at.timeIntervalSince(first),
                    kinship: moved ? .new : state.isReplaceable ? .replacement : .renewal))
            (state.ca, state.notBefore, state.notAfter) = (ca, at, at.addingTimeInterval(length - 1))
            (state.advised, state.installed, state.pausedUntil, state.isReplaceable) = (nil, at, nil, true)
        }
    }

    /// When an attempt succeeds, and where: the first CA of the pool that answers, those that are well before those that failed lately;
    /// pauses after failures as the agent makes them, the longest that chance allows.
    /// - Returns: nil if none ever does.
    private func attempt(_ state: Subject, lifetime: TimeInterval, from first: Date) -> (at: Date, ca: String)? {
        var (at, failures) = (first, 0)
        let emergency = state.notAfter.addingTimeInterval(1 - lifetime * RenewalTime.emergencyShare)
        while at < end {
            let answering = state.pool.filter { ca in !outages.contains { $0.ca == ca && $0.covers(at) } }
            let well = answering.filter { health[$0]?.isWell(at: at) ?? true }
            if let ca = well.first ?? (at >= emergency ? answering.first : nil) { return (at, ca) }
            let again = answering.compactMap { health[$0]?.unwellUntil }.filter { $0 > at }.min()
            if let again {
                at = min(again, max(at.addingTimeInterval(1), emergency))
                continue
            }
            failures += 1
            let pause = Backoff.pause(after: failures, lifetime: lifetime, chance: 0)
            at.addTimeInterval(pause)
            // From the fourth on they are all alike.
            guard failures >= 4 else { continue }
            let ends = state.pool.compactMap { ca in outages.filter { $0.ca == ca && $0.covers(at) }.map { $0.until ?? end }.max()
            }
            guard let soonest = ends.min(), soonest > at else { continue }
            at.addTimeInterval((soonest.timeIntervalSince(at) / pause).rounded(.up) * pause)
        }
        return nil
    }

    private func expiry(_ state: Subject, until: Date?, since first: Date) -> RenewalPlan.Risk {
        let gap = until.map { $0.timeIntervalSince(state.notAfter) }
        let tells =
            gap.map { "Nothing valid is there for \(Self.rough($0))." } ?? "It is not renewed before the end of this plan."
        let isLate = first > state.notAfter
        let why =
            state.pool.isEmpty
            ? "no authority can renew it"
            : isLate ? "it is not renewed in time" : "\(state.pool.map(title).joined(separator: " and ")) cannot be asked in time"
        return RenewalPlan.Risk(
            kind: .expires, isGrave: true, name: state.name, ca: state.ca, at: max(state.notAfter, now),
            text: "\(state.name) expires: \(why). \(tells)",
            change: isLate
                ? "`chancery renew \(state.name)` now."
                : "Give it another authority: `chancery account register --ca OTHER`, then `chancery ca order`; renewing earlier helps too: `chancery renew \(state.name) --force`."
        )
    }

    /// `5 days`, `36 hours`: for people.
    static func rough(_ seconds: TimeInterval) -> String {
        seconds >= 172_800
            ? "\(Int((seconds / 86_400).rounded())) days"
            : seconds >= 7_200 ? "\(Int((seconds / 3600).rounded())) hours" : "\(max(1, Int((seconds / 60).rounded()))) minutes"
    }
}
