import ACME
import ACMEClient
import Foundation

/// How several certificates fared at once.
struct MovedBatch: Sendable {
    var failed: [(name: String, reason: String)] = []
    /// The CA asked for a pause, which is no failure.
    var wait: AgentError?
}

extension CertificateAgent {
    /// As many as are ordered at once, which is mostly waiting for the CA. Proofs that share a port or a person's program take turns, and so
    /// do all at a CA whose limits are counted.
    private static let atOnce = 16

    func batches(_ names: [String], at ca: String) -> [[String]] {
        guard LimitBook.of(ca).limits.isEmpty else { return names.map { [$0] } }
        var batches: [[String]] = []
        var isOpen = false
        for name in names {
            var sharesNothing = false
            if case .webroot? = (try? store.lineage(name))??.method { sharesNothing = true }
            if isOpen, sharesNothing, let last = batches.last, last.count < Self.atOnce {
                batches[batches.count - 1].append(name)
            } else {
                batches.append([name])
            }
            isOpen = sharesNothing
        }
        return batches
    }

    /// Moves some certificates, as far as they have not been moved yet: ordered at once, then put to use; under the store's lock.
    /// What was issued before a crash is not issued again.
    /// - Throws: on cancellation; if the store cannot be written. How each fared is on disk.
    func move(_ names: [String], _ record: SwitchRecord) async throws(AgentError) -> MovedBatch {
        var entries: [(name: String, entry: SwitchEntry)] = []
        for name in names { if let entry = try begin(name, record) { entries.append((name, entry)) } }
        let issued = await withTaskGroup(of: (String, AgentError?).self) { group in
            for (name, _) in entries {
                group.addTask {
                    do throws(AgentError) {
                        try await issueForSwitch(name, record)
                        return (name, nil)
                    } catch { return (name, error) }
                }
            }
            var errors: [String: AgentError] = [:]
            for await (name, error) in group { errors[name] = error }
            return errors
        }
        var batch = MovedBatch()
        var ready: [(name: String, entry: SwitchEntry)] = []
        for (name, entry) in entries {
            guard let error = issued[name] else {
                ready.append((name, entry))
                continue
            }
            if Task.isCancelled { throw error }
            if error.code == .wait { batch.wait = error } else { try settle(name, entry, error, &batch) }
        }
        for (name, entry, error) in await putToUse(ready) {
            if Task.isCancelled, let error { throw error }
            try settle(name, entry, error, &batch)
        }
        return batch
    }

    private func settle(
        _ name: String, _ entry: SwitchEntry, _ error: AgentError?, _ batch: inout MovedBatch
    ) throws(AgentError) {
        var entry = entry
        entry.ended = configuration.now()
        if let error {
            (entry.state, entry.reason) = (.failed, error.message)
            batch.failed.append((name, error.message))
            tell(.switchFailed(name: name, reason: error.message))
        }
        try store.save(entry, of: name)
    }

    /// Those that have targets alone are put to use at once, and their servers reload once for several; the programs of others take turns.
    private func putToUse(_ ready: [(name: String, entry: SwitchEntry)]) async -> [(String, SwitchEntry, AgentError?)] {
        func one(_ name: String, _ entry: SwitchEntry) async -> (String, SwitchEntry, AgentError?) {
            var entry = entry
            do throws(AgentError) {
                try await putToUse(name, &entry)
                return (name, entry, nil)
            } catch { return (name, entry, error) }
        }
        var (done, others) = ([(String, SwitchEntry, AgentError?)](), [(name: String, entry: SwitchEntry)]())
        await SharedCommands.$current.withValue(SharedCommands()) {
            await withTaskGroup(of: (String, SwitchEntry, AgentError?).self) { group in
                for (name, entry) in ready {
                    if ((try? store.lineage(name)) ?? nil)?.deployHook == nil {
                        group.addTask { await one(name, entry) }
                    } else {
                        others.append((name, entry))
                    }
                }
                for await result in group { done.append(result) }
            }
        }
        for (name, entry) in others { done.append(await one(name, entry)) }
        return done
    }

    /// Notes what there is before anything is asked of the new CA.
    /// - Returns: nil if there is nothing to move any more.
    private func begin(_ name: String, _ record: SwitchRecord) throws(AgentError) -> SwitchEntry? {
        let now = configuration.now()
        let lineage = try store.lineage(name)
        var entry =
            store.switchEntry(name, of: record.id)
            ?? SwitchEntry(id: record.id, oldCA: lineage?.ca ?? record.from, oldSerial: lineage?.serial ?? "", began: now)
        entry.attempts += 1
        let ends = [record.from, record.to]
        guard let lineage, lineage.revoked == nil, ends.contains(lineage.ca) || ends.contains(lineage.wanted ?? "") else {
            (entry.state, entry.ended) = (.gone, now)
            entry.reason = "It was removed, revoked or moved elsewhere in the meantime."
            try store.save(entry, of: name)
            return nil
        }
        try store.save(entry, of: name)
        return entry
    }

    /// - Throws: if it is not served, with what was served before still in use where there is something to go back to.
    private func putToUse(_ name: String, _ entry: inout SwitchEntry) async throws(AgentError) {
        guard let moved = try store.lineage(name) else { throw .failed("\(store.live(name)) is gone.") }
        (entry.newCA, entry.newSerial, entry.reason) = (moved.ca, moved.serial, nil)
        if !moved.served, case .notServed(_, let reason) = try await deploy(moved) { throw AgentError(.notServed, reason) }
        let deployment = store.deployment(name)
        let isSeen = deployment?.state == .verified && deployment?.serial == moved.serial
        entry.state = isSeen ? .verified : .unverified
        tell(.switched(name: name, serial: moved.serial, seen: isSeen))
        store.forgetFailures(name)
    }

    /// Has the new CA's certificate installed, unless it is.
    private func issueForSwitch(_ name: String, _ record: SwitchRecord) async throws(AgentError) {
        guard let lineage = try store.lineage(name) else { throw .failed("\(store.live(name)) is gone.") }
        let pool = try backups(of: lineage, record)
        if lineage.ca == record.to {
            var known = lineage
            (known.wanted, known.pool) = (record.to, pool)
            if known != lineage { try store.update(known) }
            return
        }
        let kinship = kinship(lineage.names, replacing: lineage, at: record.to)
        if let wait = wait(lineage.names, kinship, at: record.to, leaving: .reserve) {
            throw AgentError(.wait, wait.reason, until: wait.until)
        }
        var plan = IssuePlan(lineage, at: record.to)
        (plan.wanted, plan.pool, plan.preferredChain) = (record.to, pool, record.preferredChain)
        plan.keyType = keyType(of: lineage, record.keyType, at: record.to)
        var request = IssueRequest(names: lineage.names)
        (request.preflight, request.deploys) = (record.preflight, false)
        while true {
            do throws(AgentError) {
                _ = try await judging(record.to) { [plan, request] () async throws(AgentError) in
                    try await carryOut(plan, request, mayRegister: false)
                }
                return
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
