import ACME
import ACMEClient
import Foundation

/// Where a renewal may be had.
struct Candidates: Sendable, Equatable {
    /// Directory URLs in the order in which they are tried.
    var well: [String] = []
    /// Those that failed lately, or whose limits leave nothing, soonest well again first; tried last, and only when time is short.
    var unwell: [String] = []
    /// When the first of `unwell` is well again.
    var wellAgain: Date?
    /// Why it is not, now.
    var reason: String?
}

extension CertificateAgent {
    /// The CA that a person chose for a certificate, then those of its pool, or of the store's: none is taken that a person did not name,
    /// and none beside the first without an account, or that is known not to serve these names.
    func eligible(_ lineage: Lineage, _ settings: SettingsRecord) throws(AgentError) -> [String] {
        var found: [String] = []
        for ca in [lineage.wanted ?? lineage.ca] + (lineage.pool ?? settings.pool ?? []) where !found.contains(ca) {
            if !found.isEmpty {
                guard try hasAccount(ca) else { continue }
                if let entry = catalogueEntry(ca) {
                    if entry.closed { continue }
                    if !entry.wildcards, lineage.names.contains(where: { $0.hasPrefix("*.") }) { continue }
                }
            }
            found.append(ca)
        }
        return found
    }

    /// Those that are eligible, by how they are.
    func candidates(_ lineage: Lineage) throws(AgentError) -> Candidates {
        var found = Candidates()
        var unwell: [(ca: String, until: Date, reason: String)] = []
        let now = configuration.now()
        for ca in try eligible(lineage, store.settings()) {
            let health = store.health(ca)
            let wait = wait(lineage.names, kinship(lineage.names, replacing: lineage, at: ca), at: ca, leaving: .reserve)
            if !health.isWell(at: now) {
                let until = max(health.unwellUntil ?? now, wait?.until ?? now)
                unwell.append((ca, until, "\(ca.sanitized) failed lately. \(health.reason ?? "")"))
            } else if let wait {
                unwell.append((ca, wait.until, wait.reason))
            } else {
                found.well.append(ca)
            }
        }
        unwell.sort { $0.until < $1.until }
        (found.unwell, found.wellAgain, found.reason) = (unwell.map(\.ca), unwell.first?.until, unwell.first?.reason)
        return found
    }

    /// A tenth of the lifetime is left, or less.
    func isUrgent(_ lineage: Lineage) -> Bool {
        configuration.now() >= lineage.notAfter.addingTimeInterval(1 - lineage.lifetime * RenewalTime.emergencyShare)
    }

    /// Renews at the first CA that will: each with its own account, and the chain that was preferred only where a person chose the CA. After
    /// a failure of the CA, or its refusal of these names, the next one is tried; after a proof that failed, which would fail there too and
    /// costs its limits, only when time is short.
    func renewAnywhere(_ lineage: Lineage, _ request: RenewRequest, _ issue: IssueRequest) async throws(AgentError)
        -> IssueOutcome
    {
        let candidates = try candidates(lineage)
        let isUrgent = isUrgent(lineage)
        let order = candidates.well + (isUrgent || request.force || candidates.well.isEmpty ? candidates.unwell : [])
        var failures: [(ca: String, error: AgentError)] = []
        for (index, ca) in order.enumerated() {
            var plan = IssuePlan(lineage, at: ca)
            if ca != (lineage.wanted ?? lineage.ca) { plan.preferredChain = nil }
            do throws(AgentError) {
                return try await judging(ca) { [plan] () async throws(AgentError) in
                    try await carryOut(plan, issue, mayRegister: false)
                }
            } catch {
                failures.append((ca, error))
                let mayMoveOn =
                    switch error.blame {
                    case .authority, .name: true
                    case .proof: isUrgent
                    case .here: false
                    }
                guard mayMoveOn, !Task.isCancelled, index + 1 < order.count else { break }
                tell(.failedOver(name: lineage.name, from: ca, to: order[index + 1], reason: error.message))
            }
        }
        throw Self.together(failures)
    }

    /// One error for all; the time to come again is the soonest that a CA named.
    private static func together(_ failures: [(ca: String, error: AgentError)]) -> AgentError {
        guard failures.count > 1 else { return failures.first?.error ?? .failed("There is no CA to ask.") }
        let until = failures.allSatisfy { $0.error.until != nil } ? failures.compactMap(\.error.until).min() : nil
        return AgentError(
            .gravest(of: failures.map(\.error.code)),
            failures.map { "\($0.ca.sanitized): \($0.error.message)" }.joined(separator: "\n"), until: until,
            problem: failures.last?.error.problem)
    }
}

extension IssuePlan {
    /// To renew a certificate at a CA.
    init(_ lineage: Lineage, at ca: String) {
        self.init(
            names: lineage.names, ca: ca, method: lineage.method, keyType: lineage.keyType,
            preferredChain: lineage.preferredChain, deployHook: lineage.deployHook, replaces: ReplacedCertificate(lineage),
            wanted: lineage.wanted ?? lineage.ca, pool: lineage.pool,
            targets: lineage.targets)
    }
}
