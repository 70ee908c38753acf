import ACME
import ACMEClient
import Foundation

extension CertificateAgent {
    /// Moves one certificate, as far as it has not been moved yet; under the store's lock. What was issued before a crash is not issued again.
    /// - Returns: how it fared; also on disk.
    /// - Throws: `wait` if the CA asks for a pause, or its limits leave nothing, which is no failure; on cancellation; if the store cannot be written.
    func move(_ name: String, _ record: SwitchRecord) async throws(AgentError) -> SwitchEntry {
        let now = configuration.now()
        let lineage = try store.lineage(name)
        var entry =
            store.switchEntry(name, of: record.id)
            ?? SwitchEntry(id: record.id, oldCA: lineage?.ca ?? record.from, oldSerial: lineage?.serial ?? "", began: now)
        entry.attempts += 1
        try store.save(entry, of: name)
        guard let lineage, lineage.revoked == nil,
            [record.from, record.to].contains(where: { $0 == lineage.ca || $0 == lineage.wanted })
        else {
            (entry.state, entry.ended) = (.gone, now)
            entry.reason = "It was removed, revoked or moved elsewhere in the meantime."
            try store.save(entry, of: name)
            return entry
        }
        do throws(AgentError) {
            let outcome = try await moved(lineage, record)
            guard let moved = try store.lineage(name) else { throw .failed("\(store.live(name)) is gone.") }
            (entry.newCA, entry.newSerial, entry.reason) = (moved.ca, moved.serial, nil)
            switch outcome {
            case .installed:
                let deployment = store.deployment(name)
                let isSeen = deployment?.state == .verified && deployment?.serial == moved.serial
                entry.state = isSeen ? .verified : .unverified
                tell(.switched(name: name, serial: moved.serial, seen: isSeen))
                store.forgetFailures(name)
            case .notServed(_, let reason): (entry.state, entry.reason) = (.failed, reason)
            case .notDue, .postponed, .dryRunPassed: (entry.state, entry.reason) = (.failed, "Nothing was issued.")
            }
        } catch {
            if Task.isCancelled || error.code == .wait { throw error }
            (entry.state, entry.reason) = (.failed, error.message)
        }
        if entry.state == .failed { tell(.switchFailed(name: name, reason: entry.reason ?? "")) }
        entry.ended = configuration.now()
        try store.save(entry, of: name)
        return entry
    }

    private func moved(_ lineage: Lineage, _ record: SwitchRecord) async throws(AgentError) -> IssueOutcome {
        let pool = try backups(of: lineage, record)
        if lineage.ca == record.to {
            var known = lineage
            (known.wanted, known.pool) = (record.to, pool)
            if known != lineage { try store.update(known) }
            return known.served ? .installed(summary(of: known)) : try await deploy(known)
        }
        if let wait = wait(lineage.names, .new, at: record.to, leaving: .nothing) {
            throw AgentError(.wait, wait.reason, until: wait.until)
        }
        var plan = IssuePlan(lineage, at: record.to)
        (plan.wanted, plan.pool, plan.preferredChain) = (record.to, pool, record.preferredChain)
        plan.keyType = keyType(of: lineage, record.keyType, at: record.to)
        var request = IssueRequest(names: lineage.names)
        request.preflight = record.preflight
        while true {
            do throws(AgentError) {
                return try await judging(record.to) { [plan, request] () async throws(AgentError) in
                    try await carryOut(plan, request, mayRegister: false)
                }
            } catch {
                guard let type = error.problem?.errorType, [.badCSR, .badPublicKey].contains(type), record.keyType == nil,
                    let next = plan.keyType.substitute
                else { throw error }
                tell(
                    .warning(
                        "\(lineage.name): the CA refuses a key of type \(plan.keyType.rawValue), so that \(next.rawValue) is tried."
                    ))
                plan.keyType = next
            }
        }
    }

    /// Whom renewals turn to when the new CA fails: those of before, and last the CA that was left. Nil where the store's order says so already.
    private func backups(of lineage: Lineage, _ record: SwitchRecord) throws(AgentError) -> [String]? {
        var known = lineage.pool
        if known == nil {
            known = try store.settings().pool
            if known?.contains(record.from) == true { return nil }
        }
        if lineage.wanted == record.to, let pool = lineage.pool, pool.contains(record.from) { return pool }
        return (known ?? []).filter { $0 != record.to && $0 != record.from } + [record.from]
    }
}
