import ACME
import ACMEClient
import Foundation
import PKIX

/// The last rehearsal at a backup CA; `accounts/CA/drill.json`.
struct DrillRecord: Sendable, Equatable, Codable {
    var last: Date?
    var succeeded: Bool?
    /// Of the certificate that it was about.
    var name: String?
    var serial: String?
    /// Safe for a terminal.
    var reason: String?
    /// The agent rehearses again from then on.
    var next: Date
}

/// How a rehearsal at a CA ended.
package struct DrillResult: Sendable, Equatable, Encodable {
    /// Directory URL.
    package let ca: String
    /// The certificate whose names were used.
    package let name: String
    package let code: ExitCode
    /// Upper-case hexadecimal, of the certificate that was thrown away.
    package let serial: String?
    package let seconds: Double
    /// Why it failed. Safe for a terminal.
    package let reason: String?
}

extension StoreFolder {
    /// - Returns: nil if there was none, or what is kept cannot be read.
    func drill(_ ca: String) -> DrillRecord? {
        (try? read(DrillRecord.self, from: "\(account(ca))/drill.json")) ?? nil
    }

    func save(_ drill: DrillRecord, of ca: String) throws(AgentError) {
        try Files.makeFolder(account(ca))
        try write(drill, to: "\(account(ca))/drill.json")
    }
}

extension CertificateAgent {
    /// Of the agent's rehearsals at one CA, and after one that failed.
    static let (drillInterval, drillPause): (TimeInterval, TimeInterval) = (30 * 86_400, 86_400)

    /// Has a backup CA issue what it would have to issue in need, and throws that away: account, order, proof and certificate, but
    /// nothing is installed. How the CA did is kept as its health.
    /// - Parameters:
    ///   - typed: name or directory URL; nil for every CA that a certificate could turn to.
    ///   - name: of the certificate; nil for one that has the CA as its backup, by chance.
    /// - Throws: `nothingToDo` if there is no backup CA, or no certificate to rehearse with.
    package func drill(_ typed: String?, name: String? = nil, preflight: Bool = true) async throws(AgentError) -> [DrillResult] {
        let backed = try backups()
        let wanted = try name.map { (name) throws(AgentError) in try existing(name) }
        var results: [DrillResult] = []
        if let typed {
            let ca = try directoryURL(typed)
            var lineages = backed.first { $0.ca == ca }?.lineages ?? []
            if lineages.isEmpty {
                lineages = store.lineages().compactMap { try? $0.lineage.get() }.filter { $0.revoked == nil && $0.ca != ca }
            }
            guard let lineage = wanted ?? pick(lineages) else {
                throw AgentError(.nothingToDo, "There is no certificate of another CA to rehearse with.")
            }
            return [try await drill(ca, lineage, preflight: preflight)]
        }
        for (ca, lineages) in backed {
            guard let lineage = wanted ?? pick(lineages), !Task.isCancelled else { continue }
            results.append(try await drill(ca, lineage, preflight: preflight))
        }
        guard !results.isEmpty else {
            throw AgentError(
                .nothingToDo,
                "No certificate has a backup CA with an account: `chancery ca order` and `chancery account register`.")
        }
        return results
    }

    /// What is due of the monthly rehearsals. The first one of a CA comes at a time that chance chooses within a month.
    func drillDue(preflight: Bool) async throws(AgentError) -> [DrillResult] {
        var results: [DrillResult] = []
        for (ca, lineages) in try backups() {
            let now = configuration.now()
            guard let known = store.drill(ca) else {
                try store.save(DrillRecord(next: now + Self.drillInterval * chance()), of: ca)
                continue
            }
            // A clock that was set back must not put it off for ever; a CA that is unwell, or whose limits are used up, is not asked.
            guard known.next <= now || known.next > now + 2 * Self.drillInterval, store.health(ca).isWell(at: now),
                let lineage = pick(lineages), wait(lineage.names, .new, at: ca, leaving: .reserve) == nil, !Task.isCancelled
            else { continue }
            results.append(try await drill(ca, lineage, preflight: preflight))
        }
        return results
    }

    /// The CAs that certificates could turn to, each with these certificates; what is revoked needs none.
    private func backups() throws(AgentError) -> [(ca: String, lineages: [Lineage])] {
        try Files.checkReadable("\(store.path)/live")
        let order = try store.settings().pool ?? []
        var (found, inOrder) = ([String: [Lineage]](), [String]())
        for lineage in store.lineages().compactMap({ try? $0.lineage.get() }) where lineage.revoked == nil {
            for ca in lineage.pool ?? order where ca != lineage.wanted ?? lineage.ca {
                if found[ca] == nil { inOrder.append(ca) }
                found[ca, default: []].append(lineage)
            }
        }
        var backups: [(ca: String, lineages: [Lineage])] = []
        for ca in inOrder {
            guard let record = try store.accountRecord(ca), record.url != nil, record.deactivated == nil else { continue }
            let plain = catalogueEntry(ca)?.wildcards == false
            backups.append(
                (ca, (found[ca] ?? []).filter { lineage in !plain || !lineage.names.contains { $0.hasPrefix("*.") } }))
        }
        return backups
    }

    private func pick(_ lineages: [Lineage]) -> Lineage? {
        lineages.isEmpty ? nil : lineages[min(lineages.count - 1, Int(Double(lineages.count) * max(0, chance())))]
    }

    private func drill(_ ca: String, _ lineage: Lineage, preflight: Bool) async throws(AgentError) -> DrillResult {
        try await withLock { () async throws(AgentError) in
            let began = configuration.now()
            var record = DrillRecord(last: began, name: lineage.name, next: began + Self.drillInterval * (0.9 + 0.2 * chance()))
            var code = ExitCode.changed
            do throws(AgentError) {
                let serial = try await judging(ca) { () async throws(AgentError) in
                    try await rehearse(lineage, at: ca, preflight: preflight)
                }
                (record.succeeded, record.serial) = (true, serial)
                let seconds = configuration.now().timeIntervalSince(began)
                tell(.drilled(ca: ca, name: lineage.name, serial: serial, seconds: seconds))
            } catch {
                if Task.isCancelled { throw error }
                (record.succeeded, record.reason, code) = (false, error.message, error.code)
                record.next = max(began + Self.drillPause, error.until ?? began)
                tell(.drillFailed(ca: ca, name: lineage.name, reason: error.message))
            }
            try store.save(record, of: ca)
            return DrillResult(
                ca: ca, name: lineage.name, code: code, serial: record.serial,
                seconds: configuration.now().timeIntervalSince(began), reason: record.reason)
        }
    }

    /// - Returns: the serial of what was issued. Its key was never written.
    private func rehearse(_ lineage: Lineage, at ca: String, preflight: Bool) async throws(AgentError) -> String {
        var plan = IssuePlan(lineage, at: ca)
        (plan.preferredChain, plan.keyType) = (nil, keyType(of: lineage, nil, at: ca))
        var request = IssueRequest(names: lineage.names)
        request.preflight = preflight
        try await self.preflight(plan.names, lineage.method, lookups: preflight)
        let (client, directory, _) = try await open(ca)
        let account = try await account(ca, client, directory, request, mayRegister: false)
        if preflight {
            try await checkAuthorization(
                plan.names, at: ca, directory.meta?.caaIdentities ?? [], method: plan.method, account: account.value.url)
        }
        let placed = try await asking { () async throws(ACMEClientError) in try await account.value.newOrder(plan.names) }
        enter(.orders, plan.names, .new, at: ca)
        tell(.ordered(url: placed.url, names: plan.names))
        _ = try await prove(placed, plan, request, account: account.value)
        return try await obtain(placed, plan, .new, account: account.value).issued.leaf.serialText
    }
}
