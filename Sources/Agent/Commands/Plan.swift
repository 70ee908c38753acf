import ACME
import ACMEClient
import Foundation

/// What to foresee.
package struct PlanRequest: Sendable {
    /// 1 to 60.
    package var months = 12
    /// Texts of `OutageText`.
    package var suppositions: [String] = []

    package init() {}
}

extension CertificateAgent {
    /// What will renew when and where, by what is on disk. Takes no lock, asks nobody.
    /// - Throws: only if the store as a whole cannot be read, or a supposition cannot.
    package func plan(_ request: PlanRequest) throws(AgentError) -> RenewalPlan {
        let now = configuration.now()
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(secondsFromGMT: 0) ?? .current
        let end =
            calendar.date(byAdding: .month, value: min(max(request.months, 1), 60), to: now)
            ?? now.addingTimeInterval(365 * 86_400)
        var outages: [Outage] = []
        for text in request.suppositions {
            let said = try OutageText(text)
            let from = said.from ?? now
            outages.append(
                Outage(ca: try directoryURL(said.ca), from: from, until: said.length.map { from.addingTimeInterval($0) }))
        }
        let settings = try store.settings()
        let title = { (ca: String) in self.title(ca, settings) }
        _ = try store.names()

        var subjects: [Forecast.Subject] = []
        var names: [String: [String]] = [:]
        var health: [String: Health] = [:]
        var risks: [RenewalPlan.Risk] = []
        for (name, found) in store.lineages() {
            switch found {
            case .failure(let error):
                risks.append(
                    RenewalPlan.Risk(
                        kind: .unreadable, isGrave: true, name: name, ca: nil, at: now, text: error.message,
                        change: "Put the file back from a backup, or issue the certificate again."))
            case .success(let lineage) where lineage.revoked == nil:
                let subject = try subject(lineage, settings)
                for ca in subject.pool where health[ca] == nil { health[ca] = store.health(ca) }
                risks += try standing(lineage, subject, settings, title)
                names[name] = lineage.names
                subjects.append(subject)
            case .success: break
            }
        }
        for (ca, found) in health.sorted(by: { $0.key < $1.key }) where !found.isWell(at: now) {
            risks.append(
                RenewalPlan.Risk(
                    kind: .unwell, isGrave: false, name: nil, ca: ca, at: now,
                    text:
                        "\(title(ca)) failed lately and is passed over until \(RFC3339.string(found.unwellUntil ?? now)). \(found.reason ?? "")",
                    change: "`chancery ca test \(title(ca))` asks it now."))
        }

        var forecast = Forecast(now: now, end: end, outages: outages, health: health, title: title)
        for subject in subjects { forecast.follow(subject) }
        let renewals = forecast.renewals.sorted { ($0.at, $0.name) < ($1.at, $1.name) }
        let limits = LimitForecast(domains: .standard, title: title, before: counted(Set(renewals.map(\.ca))))
        risks += forecast.risks + limits.risks(renewals, names: names)
        risks.sort {
            ($0.isGrave ? 0 : 1, $0.at, $0.name ?? "", $0.kind.rawValue) < (
                $1.isGrave ? 0 : 1, $1.at, $1.name ?? "", $1.kind.rawValue
            )
        }

        var counts: [String: Int] = [:]
        let listed = renewals.filter { renewal in
            counts[renewal.name, default: 0] += 1
            return counts[renewal.name, default: 0] <= Forecast.listed
        }
        return RenewalPlan(
            from: now, until: end, certificates: subjects.count, outages: outages, renewals: listed, counts: counts, risks: risks)
    }

    /// A plan as a calendar.
    package func calendar(_ plan: RenewalPlan) -> String {
        PlanCalendar.text(plan, store: store.path, product: configuration.product)
    }

    private func subject(_ lineage: Lineage, _ settings: SettingsRecord) throws(AgentError) -> Forecast.Subject {
        let failures = store.failures(lineage.name)
        let pause = failures.flatMap { $0.asksToWait(at: configuration.now()) ? $0.again : nil }
        var pool = try eligible(lineage, settings)
        if let first = pool.first, try !hasAccount(first) || catalogueEntry(first)?.closed == true { pool.removeFirst() }
        return Forecast.Subject(
            name: lineage.name, names: lineage.names, ca: lineage.ca, pool: pool, notBefore: lineage.notBefore,
            notAfter: lineage.notAfter, advised: store.advice(lineage)?.chosen, installed: lineage.history.last?.at,
            isReplaceable: ReplacedCertificate(lineage) != nil, pausedUntil: pause)
    }

    /// What is the matter with a certificate today.
    private func standing(
        _ lineage: Lineage, _ subject: Forecast.Subject, _ settings: SettingsRecord, _ title: (String) -> String
    ) throws(AgentError) -> [RenewalPlan.Risk] {
        let now = configuration.now()
        var risks: [RenewalPlan.Risk] = []
        func add(_ kind: RenewalPlan.Risk.Kind, _ isGrave: Bool, _ text: String, _ change: String) {
            risks.append(
                RenewalPlan.Risk(
                    kind: kind, isGrave: isGrave, name: lineage.name, ca: lineage.wanted ?? lineage.ca, at: now, text: text,
                    change: change))
        }
        let wanted = lineage.wanted ?? lineage.ca
        if let entry = catalogueEntry(wanted), entry.closed {
            add(
                .closed, subject.pool.isEmpty, "\(lineage.name) is of \(entry.title), which gives out no certificates any more.",
                "Issue it at another: `chancery issue --ca OTHER -d \(lineage.names.joined(separator: ","))`.")
        } else if try !hasAccount(wanted) {
            add(
                .noAccount, subject.pool.isEmpty, "\(lineage.name) is renewed at \(title(wanted)), where there is no account.",
                "`chancery account register --ca \(title(wanted))`.")
        }
        if subject.pool.count == 1 {
            add(
                .noBackup, false, "\(lineage.name) can be renewed at \(title(subject.pool[0])) alone.",
                "`chancery account register --ca OTHER`, then `chancery ca order \(title(subject.pool[0])) OTHER`.")
        }
        if !lineage.served {
            let reason = store.failures(lineage.name, .deploy)?.reason
            add(
                .notServed, true, "\(lineage.name) is issued, but not put to use.\(reason.map { " \($0)" } ?? "")",
                "Mend what is named, then `chancery renew \(lineage.name)`.")
        }
        if let failures = store.failures(lineage.name) {
            add(
                .failing, false,
                "The last \(failures.count == 1 ? "attempt" : "\(failures.count) attempts") to renew \(lineage.name) failed. \(failures.reason)",
                "`chancery doctor \(lineage.name)` looks for the cause.")
        }
        return risks
    }

    /// What was asked of CAs already and still counts.
    private func counted(_ authorities: Set<String>) -> [String: [Counted]] {
        Dictionary(
            uniqueKeysWithValues: authorities.map { ca in
                let pages = [store.ledger(ca, nil)] + store.ledgerDomains(ca).map { store.ledger(ca, $0) }
                return (ca, pages.flatMap(\.notes).sorted { $0.at < $1.at })
            })
    }

    func hasAccount(_ ca: String) throws(AgentError) -> Bool {
        let record = try store.accountRecord(ca)
        return record?.url != nil && record?.deactivated == nil
    }

    /// What a person calls a CA: its name in `ca list`, else its URL.
    func title(_ ca: String, _ settings: SettingsRecord) -> String {
        settings.authorities.first { $0.directory == ca }?.name ?? catalogueEntry(ca)?.name ?? ca.sanitized
    }
}
