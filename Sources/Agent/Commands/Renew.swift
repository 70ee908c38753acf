import ACME
import ACMEClient
import Foundation

/// What to renew.
package struct RenewRequest: Sendable {
    /// One certificate, also if it was revoked; nil for all that were not.
    package var name: String?
    /// Although not due, and although earlier failures ask for a pause.
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
    /// Renews what is due, as it was issued. Where the deploy hook failed last time, it is run again. The store is locked for one
    /// certificate at a time, and only where there is something to do.
    /// - Throws: only what concerns the store as a whole, or a `name` that is not there.
    package func renew(_ request: RenewRequest) async throws(AgentError) -> RenewalReport {
        if let typed = request.name { return RenewalReport(entries: [await entry(try existing(typed), request)]) }
        try Files.checkReadable(store.path)
        try Files.checkReadable("\(store.path)/live")
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

    private func entry(_ lineage: Lineage, _ request: RenewRequest) async -> RenewalReport.Entry {
        do throws(AgentError) {
            if let outcome = idle(lineage, request) {
                return RenewalReport.Entry(name: lineage.name, result: .success(outcome))
            }
            let outcome = try await withLock { () async throws(AgentError) in
                // Another process may have done it while this one waited.
                let now = try existing(lineage.name)
                if let outcome = idle(now, request) { return outcome }
                return try await act(now, request)
            }
            return RenewalReport.Entry(name: lineage.name, result: .success(outcome))
        } catch { return RenewalReport.Entry(name: lineage.name, result: .failure(error)) }
    }

    private func isWanted(_ lineage: Lineage, _ request: RenewRequest) -> Bool {
        request.force || request.dryRun || lineage.isDue(now: configuration.now())
            || (lineage.revoked != nil && request.name != nil)
    }

    /// - Returns: nil if there is something to do now.
    private func idle(_ lineage: Lineage, _ request: RenewRequest) -> IssueOutcome? {
        guard isWanted(lineage, request) else {
            guard lineage.served else { return nil }
            tell(.notDue(name: lineage.name, due: lineage.due))
            return .notDue(summary(of: lineage))
        }
        let now = configuration.now()
        guard !request.force, !request.dryRun, let failures = store.failures(lineage.name), failures.again > now else {
            return nil
        }
        // A clock that was set back must not make a pause endless: none is longer than from the failure to its end.
        guard failures.last <= now.addingTimeInterval(3600) else { return nil }
        let reason =
            "\(failures.count == 1 ? "the last attempt" : "\(failures.count) attempts in a row") failed. \(failures.reason)"
        tell(.postponed(name: lineage.name, until: failures.again, reason: reason))
        return .postponed(summary(of: lineage), until: failures.again, reason: reason)
    }

    private func act(_ lineage: Lineage, _ request: RenewRequest) async throws(AgentError) -> IssueOutcome {
        guard isWanted(lineage, request) else { return try await deploy(lineage) }
        var again = IssueRequest(names: lineage.names)
        (again.preflight, again.dryRun) = (request.preflight, request.dryRun)
        let plan = IssuePlan(
            names: lineage.names, ca: lineage.ca, method: lineage.method, keyType: lineage.keyType,
            preferredChain: lineage.preferredChain, deployHook: lineage.deployHook)
        if request.dryRun { return try await carryOut(plan, again, mayRegister: false) }
        return try await counting(lineage.name, ca: lineage.ca, lifetime: lineage.lifetime) { () async throws(AgentError) in
            try await carryOut(plan, again, mayRegister: false)
        }
    }
}
