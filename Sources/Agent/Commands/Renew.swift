import ACME
import ACMEClient
package import Foundation

/// What to renew.
package struct RenewRequest: Sendable {
    /// One certificate, also if it was revoked; nil for all that were not.
    package var name: String?
    /// Although not due, and although earlier failures ask for a pause.
    package var force = false
    package var preflight = true
    package var dryRun = false
    /// Of a service that comes again by itself: what needs nothing is not mentioned, and a deploy hook that failed rests for a while.
    package var isWatching = false

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
    package internal(set) var entries: [Entry] = []
    /// When there is something to do again; nil if never.
    package internal(set) var next: Date?
    package var code: ExitCode { .gravest(of: entries.map(\.code)) }

    mutating func wake(at date: Date) { next = next.map { min($0, date) } ?? date }
}

extension CertificateAgent {
    /// Renews what is due, as it was issued, after asking its CA's advice. Where the deploy hook failed last time, it is run again. The
    /// store is locked for one certificate at a time, and only where there is something to do.
    /// - Throws: only what concerns the store as a whole, or a `name` that is not there.
    package func renew(_ request: RenewRequest) async throws(AgentError) -> RenewalReport {
        var report = RenewalReport()
        var silent: Set<String> = []
        if let typed = request.name {
            await visit(try existing(typed), request, &report, &silent)
            return report
        }
        for name in try store.names() {
            do throws(AgentError) {
                guard let lineage = try store.lineage(name) else { throw .failed("\(store.live(name)) has no lineage.json.") }
                if lineage.revoked == nil { await visit(lineage, request, &report, &silent) }
            } catch { report.entries.append(RenewalReport.Entry(name: name, result: .failure(error))) }
            if Task.isCancelled { break }
        }
        return report
    }

    private func visit(
        _ lineage: Lineage, _ request: RenewRequest, _ report: inout RenewalReport, _ silent: inout Set<String>
    ) async {
        if !request.dryRun, !request.force { await consult(lineage, silent: &silent) }
        var outcome: Result<IssueOutcome, AgentError>
        do throws(AgentError) {
            if let idle = idle(lineage, request) {
                outcome = .success(idle)
            } else {
                outcome = .success(
                    try await withLock { () async throws(AgentError) in
                        // Another process may have done it while this one waited.
                        let now = try existing(lineage.name)
                        if let idle = idle(now, request) { return idle }
                        return try await act(now, request)
                    })
            }
        } catch { outcome = .failure(error) }
        report.wake(at: next(lineage.name))
        if request.isWatching, case .success(let calm) = outcome, calm.isCalm { return }
        report.entries.append(RenewalReport.Entry(name: lineage.name, result: outcome))
    }

    private func isWanted(_ lineage: Lineage, _ request: RenewRequest) -> Bool {
        request.force || request.dryRun || isDue(lineage) || (lineage.revoked != nil && request.name != nil)
    }

    /// - Returns: nil if there is something to do now.
    private func idle(_ lineage: Lineage, _ request: RenewRequest) -> IssueOutcome? {
        let wanted = isWanted(lineage, request)
        let now = configuration.now()
        if !wanted, lineage.served {
            if !request.isWatching { tell(.notDue(name: lineage.name, due: due(lineage).at)) }
            return .notDue(summary(of: lineage))
        }
        // A person who runs a deploy hook again has mended it, mostly.
        guard !request.force, !request.dryRun, wanted || request.isWatching,
            let failures = store.failures(lineage.name, wanted ? .issue : .deploy), failures.asksToWait(at: now)
        else { return waiting(lineage, request) }
        let times = failures.count == 1 ? "the last attempt" : "\(failures.count) attempts in a row"
        let reason = "\(times) failed. \(failures.reason)"
        if !request.isWatching { tell(.postponed(name: lineage.name, until: failures.again, reason: reason)) }
        return .postponed(summary(of: lineage), until: failures.again, reason: reason)
    }

    /// For CAs that are unwell, or whose limits leave nothing, unless time is short: else each of many certificates would find out for
    /// itself, a time-out or a refusal each.
    private func waiting(_ lineage: Lineage, _ request: RenewRequest) -> IssueOutcome? {
        guard !request.force, !request.dryRun, isWanted(lineage, request), !isUrgent(lineage),
            let candidates = try? candidates(lineage), candidates.well.isEmpty, let until = candidates.wellAgain
        else { return nil }
        let reason = candidates.reason ?? ""
        if !request.isWatching { tell(.postponed(name: lineage.name, until: until, reason: reason)) }
        return .postponed(summary(of: lineage), until: until, reason: reason)
    }

    /// When there is something to do about a certificate again.
    private func next(_ name: String) -> Date {
        let now = configuration.now()
        guard let lineage = (try? store.lineage(name)) ?? nil else { return now.addingTimeInterval(Self.longestSleep) }
        var next = due(lineage).at
        if let advice = store.advice(lineage) { next = min(next, advice.next) }
        if !lineage.served { next = now }
        let isDue = isDue(lineage)
        if isDue || !lineage.served, let failures = store.failures(name, isDue ? .issue : .deploy), failures.asksToWait(at: now) {
            next = max(next, failures.again)
        }
        if isDue, !isUrgent(lineage), let candidates = try? candidates(lineage), candidates.well.isEmpty,
            let again = candidates.wellAgain
        {
            next = max(next, again)
        }
        return next
    }

    private func act(_ lineage: Lineage, _ request: RenewRequest) async throws(AgentError) -> IssueOutcome {
        guard isWanted(lineage, request) else { return try await deploy(lineage) }
        var again = IssueRequest(names: lineage.names)
        (again.preflight, again.dryRun) = (request.preflight, request.dryRun)
        if request.dryRun {
            return try await carryOut(IssuePlan(lineage, at: lineage.wanted ?? lineage.ca), again, mayRegister: false)
        }
        let due = due(lineage)
        if request.force {
            let ca = lineage.wanted ?? lineage.ca
            tell(
                .cost(
                    name: lineage.name, ca: ca,
                    text: cost(lineage.names, kinship(lineage.names, replacing: lineage, at: ca), at: ca)))
        }
        if !request.force, configuration.now() >= due.at { tell(.due(name: lineage.name, reason: due.reason)) }
        return try await counting(lineage.name, ca: lineage.wanted ?? lineage.ca, lifetime: lineage.lifetime) {
            [again] () async throws(AgentError) in
            try await renewAnywhere(lineage, request, again)
        }
    }
}

extension IssueOutcome {
    /// Nothing was done.
    fileprivate var isCalm: Bool {
        switch self {
        case .notDue, .postponed: true
        case .installed, .notServed, .dryRunPassed: false
        }
    }
}
