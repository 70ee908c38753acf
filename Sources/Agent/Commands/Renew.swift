import ACME
import ACMEClient
import Foundation

/// What to renew.
package struct RenewRequest: Sendable {
    /// One certificate, also if it was revoked; nil for all that were not.
    package var name: String?
    /// Although not due.
    package var force = false
    package var preflight = true
    package var dryRun = false

    package init() {}
}

/// How each certificate fared; the failure of one stops no other.
package struct RenewalReport: Sendable {
    package struct Entry: Sendable {
        package let name: String
        package let result: Result<IssueOutcome, AgentError>
        package var code: ExitCode {
            switch result {
            case .success(let outcome): outcome.code
            case .failure(let error): error.code
            }
        }
    }
    package let entries: [Entry]
    package var code: ExitCode { .gravest(of: entries.map(\.code)) }
}

extension CertificateAgent {
    /// Renews what is due, as it was issued. Where the deploy hook failed last time, it is run again.
    /// - Throws: only what concerns the store as a whole, or a `name` that is not there.
    package func renew(_ request: RenewRequest) async throws(AgentError) -> RenewalReport {
        try await withLock { () async throws(AgentError) in
            if let typed = request.name {
                let lineage = try existing(typed)
                return RenewalReport(entries: [await entry(lineage, request)])
            }
            var entries: [RenewalReport.Entry] = []
            for (name, result) in store.lineages() {
                switch result {
                case .success(let lineage) where lineage.revoked == nil: entries.append(await entry(lineage, request))
                case .success: continue
                case .failure(let error): entries.append(RenewalReport.Entry(name: name, result: .failure(error)))
                }
                if Task.isCancelled { break }
            }
            return RenewalReport(entries: entries)
        }
    }

    private func entry(_ lineage: Lineage, _ request: RenewRequest) async -> RenewalReport.Entry {
        do throws(AgentError) {
            return RenewalReport.Entry(name: lineage.name, result: .success(try await renew(lineage, request)))
        } catch { return RenewalReport.Entry(name: lineage.name, result: .failure(error)) }
    }

    private func renew(_ lineage: Lineage, _ request: RenewRequest) async throws(AgentError) -> IssueOutcome {
        guard
            request.force || request.dryRun || lineage.isDue(now: configuration.now())
                || (lineage.revoked != nil && request.name != nil)
        else {
            if !lineage.served { return try await deploy(lineage) }
            tell(.notDue(name: lineage.name, due: lineage.due))
            return .notDue(summary(of: lineage))
        }
        var again = IssueRequest(names: lineage.names)
        (again.preflight, again.dryRun) = (request.preflight, request.dryRun)
        let plan = IssuePlan(
            names: lineage.names, ca: lineage.ca, method: lineage.method, keyType: lineage.keyType, deployHook: lineage.deployHook
        )
        return try await carryOut(plan, again, mayRegister: false)
    }
}
