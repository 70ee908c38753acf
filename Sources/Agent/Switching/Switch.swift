import ACME
import ACMEClient
import Foundation

extension CertificateAgent {
    /// Moves certificates from one CA to another, stage by stage: a canary, then four times as many each time. Each certificate is issued by
    /// the new CA, put to use and seen before the next few; the old CA stays behind it as a backup. Ends when all is done, when too much
    /// failed, when a person pauses it or the CA asks to wait; killed at any moment, the same command goes on where it was. The store is locked for
    /// a few certificates at a time, so that the agent renews in between.
    /// - Returns: the report, of which a signed copy was written.
    /// - Throws: `nothingToDo` if there is nothing to move; `needsPerson` if another switch is not finished, an account is missing, or the new CA
    ///   would refuse names.
    package func switchAuthority(_ request: SwitchRequest) async throws(AgentError) -> SwitchReport {
        let lock = try switchLock()
        defer { withExtendedLifetime(lock) {} }
        let (from, to) = try switchEnds(request)
        if let open = try store.switchRecord(), open.isOpen {
            guard open.from == from, open.to == to else {
                throw .needsPerson(
                    "The switch from \(open.from.sanitized) to \(open.to.sanitized) is not finished. `chancery ca switch --resume` goes on with it, `chancery ca switch --abandon` ends it where it is."
                )
            }
            return try await goOn(open)
        }
        return try await carryOut(try await decide(request, from: from, to: to))
    }

    /// Goes on with a switch that was paused, stopped or broken off; what failed is tried again.
    /// - Throws: `nothingToDo` if there is none.
    package func resumeSwitch() async throws(AgentError) -> SwitchReport {
        let lock = try switchLock()
        defer { withExtendedLifetime(lock) {} }
        guard let open = try store.switchRecord(), open.isOpen else { throw Self.noSwitch }
        return try await goOn(open)
    }

    private static let noSwitch = AgentError(.nothingToDo, "There is no switch that is not finished.")

    /// Has a switch stop after the certificate that it is at, for `resumeSwitch` to go on with, or for good.
    package func endSwitch(forGood: Bool) async throws(AgentError) -> SwitchReport {
        try await withLock { () async throws(AgentError) in
            guard var record = try store.switchRecord(), record.isOpen else { throw Self.noSwitch }
            let now = configuration.now()
            (record.state, record.until) = (forGood ? .abandoned : .paused, nil)
            record.reason = forGood ? "Ended by a person; what was moved stays moved." : "Paused by a person."
            if forGood { record.ended = now }
            try store.save(record)
            return forGood ? try signed(report(record)) : report(record)
        }
    }

    /// How far the last switch has come. Takes no lock.
    /// - Throws: `nothingToDo` if there was none.
    package func switchStatus() throws(AgentError) -> SwitchReport {
        guard let record = try store.switchRecord() else { throw AgentError(.nothingToDo, "Nothing was ever switched.") }
        return report(record)
    }

    private func switchLock() throws(AgentError) -> StoreLock {
        guard let lock = try StoreLock.take(store, "switch.lock") else {
            throw .failed("Another `chancery ca switch` is at work. `chancery ca switch --status` shows how far it is.")
        }
        return lock
    }

    // MARK: Stages

    private func decide(_ request: SwitchRequest, from: String, to: String) async throws(AgentError) -> SwitchRecord {
        try await withLock { () async throws(AgentError) in
            let lineages = try switched(request, from: from, to: to)
            var account = request.account
            (account.ca, account.dryRun) = (to, false)
            let (client, directory, root) = try await open(to, root: account.caRoot)
            if let root { try store.save(root: root, of: to) }
            _ = try await self.account(to, client, directory, account, mayRegister: true)
            let obstacles = try await obstacles(lineages, request, at: to, directory.meta?.caaIdentities ?? [])
            if !obstacles.isEmpty {
                let told = obstacles.sorted { $0.key < $1.key }.prefix(20).flatMap { name, reasons in
                    reasons.map { "\(name): \($0)" }
                }
                let more = obstacles.count > 20 ? ["… and \(obstacles.count - 20) more."] : []
                throw .needsPerson(
                    (["\(to.sanitized) would refuse \(obstacles.count) of \(lineages.count):"] + told + more + [
                        "Change that, or leave them out with --only. Nothing was moved."
                    ]).joined(separator: "\n"))
            }
            let now = configuration.now()
            let record = SwitchRecord(
                id: RFC3339.string(now).filter { $0.isNumber || $0.isLetter }, from: from, to: to, names: lineages.map(\.name),
                stages: request.canary.stages(of: lineages.count), allowance: request.allowance.of(lineages.count),
                keyType: request.keyType, preferredChain: request.preferredChain, preflight: request.preflight, state: .running,
                began: now)
            try store.save(record)
            return record
        }
    }

    private func goOn(_ open: SwitchRecord) async throws(AgentError) -> SwitchReport {
        let now = configuration.now()
        if let until = open.until, until > now, open.state == .paused {
            throw AgentError(.wait, "The CA asked to wait until \(RFC3339.string(until)).", until: until)
        }
        return try await carryOut(
            try await amend(open.id) { record in
                (record.state, record.reason, record.until) = (.running, nil, nil)
            })
    }

    private func carryOut(_ record: SwitchRecord) async throws(AgentError) -> SwitchReport {
        var failures = 0
        let slices = record.slices
        for (index, slice) in slices.enumerated() {
            let left = slice.filter { store.switchEntry($0, of: record.id)?.isDone != true }
            if left.isEmpty { continue }
            tell(.switchStage(number: index + 1, of: slices.count, size: slice.count))
            for batch in batches(left, at: record.to) {
                if Task.isCancelled { throw .failed("Cancelled. The same command goes on where it was.") }
                // A person may have paused it.
                guard let now = try store.switchRecord(), now.id == record.id, now.state == .running else {
                    return report(try store.switchRecord() ?? record)
                }
                let moved: MovedBatch = try await withLock { () async throws(AgentError) in try await move(batch, record) }
                failures += moved.failed.count
                if let last = moved.failed.last, index == 0 || failures > record.allowance {
                    let limit = index == 0 ? "none may in the first stage" : "\(record.allowance) may"
                    return try await end(
                        record, as: .stopped,
                        "\(failures) failed, and \(limit). The last one was \(last.name): \(last.reason) What failed is served as before; --resume tries again."
                    )
                }
                if let wait = moved.wait { return try await end(record, as: .paused, wait.message, until: wait.until) }
            }
        }
        return try await end(record, as: .finished, nil)
    }

    private func end(
        _ record: SwitchRecord, as state: SwitchRecord.State, _ reason: String?, until: Date? = nil
    ) async throws(AgentError) -> SwitchReport {
        let now = configuration.now()
        let ended = try await amend(record.id) { record in
            // A person's last word stands.
            if record.state == .abandoned { return }
            (record.state, record.reason, record.until) = (state, reason, until)
            record.ended = state == .finished ? now : nil
        }
        if ended.state == .finished, try standardAuthority() == record.from {
            tell(.warning("`chancery issue` still goes to \(record.from.sanitized): `chancery ca use` changes that."))
        }
        return try signed(report(ended))
    }

    /// Changes the record on disk, which a person's command may change too.
    private func amend(_ id: String, _ change: (inout SwitchRecord) -> Void) async throws(AgentError) -> SwitchRecord {
        try await withLock { () async throws(AgentError) in
            guard var record = try store.switchRecord(), record.id == id else { throw Self.noSwitch }
            change(&record)
            try store.save(record)
            return record
        }
    }
}
