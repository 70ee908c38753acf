import ACME
import ACMEClient
import Foundation
import PKIX

extension CertificateAgent {
    /// How long a server may take to show a new certificate, and how often it is looked. Counted without the wall clock, which may be set.
    static let servedPatience = Duration.seconds(30)
    private static let servedPause = Duration.milliseconds(500)

    /// Puts the live certificate to use as one transaction over all of its targets: stage, switch, check by each server's own checker, reload,
    /// see at every place that it is served; else everything is put back as it was, and reloaded again. What was never served before
    /// stays, for there is nothing to go back to. Not cut short by cancellation.
    /// - Throws: with what failed, after it was put back.
    func deployTargets(_ lineage: Lineage) async throws(AgentError) {
        var targets: [InstallTarget] = []
        for text in lineage.targets ?? [] { targets.append(try InstallTarget(text)) }
        guard !targets.isEmpty else { return }
        let result: Result<Void, AgentError> = await Task { [targets] () async -> Result<Void, AgentError> in
            do throws(AgentError) { return .success(try await transact(lineage, targets)) } catch { return .failure(error) }
        }.value
        try result.get()
    }

    private func transact(_ lineage: Lineage, _ targets: [InstallTarget]) async throws(AgentError) {
        let placement = try Placement(targets, of: lineage, in: store)
        var reloaded: [InstallTarget] = []
        do throws(AgentError) {
            try keep(.staged, lineage, before: placement.before)
            try placement.place()
            for target in targets { try await run(target.installer.check, of: target, to: "accept the new files") }
            for target in targets {
                reloaded.append(target)
                try await run(target.installer.reload, of: target, to: "reload")
            }
            try keep(.deployed, lineage, before: placement.before)
            let isSeen = try await see(lineage, targets)
            try keep(isSeen ? .verified : .unverified, lineage)
        } catch { throw await goBack(lineage, placement, reloaded, after: error) }
        placement.finish()
    }

    /// - Returns: what to say of a deployment that failed, after what can be put back was put back.
    private func goBack(
        _ lineage: Lineage, _ placement: Placement, _ reloaded: [InstallTarget], after error: AgentError
    ) async -> AgentError {
        var told = error.message
        var state = Deployment.State.putBack
        do throws(AgentError) {
            try placement.putBack()
            told += placement.hasBefore ? " What was served before is put back." : " There was nothing to put back."
        } catch {
            state = .stuck
            told += " Nor can what was served before be put back: \(error.message)"
        }
        if placement.hasBefore {
            for target in reloaded {
                do throws(AgentError) { try await run(target.installer.reload, of: target, to: "reload the old files") } catch {
                    told += " \(error.message)"
                }
            }
        }
        try? keep(state, lineage, reason: told, before: state == .stuck ? placement.before : nil)
        tell(.putBack(name: lineage.name, reason: told))
        return AgentError(error.code, told)
    }

    private func keep(
        _ state: Deployment.State, _ lineage: Lineage, reason: String? = nil, before: String? = nil
    ) throws(AgentError) {
        let this = Deployment(serial: lineage.serial, state: state, at: configuration.now(), reason: reason, before: before)
        try store.save(this, of: lineage.name)
    }

    private func run(_ command: [String]?, of target: InstallTarget, to what: String) async throws(AgentError) {
        guard let command, let program = command.first else { return }
        do throws(AgentError) {
            try await HookProgram.run(program, Array(command.dropFirst()), environment: [:])
        } catch { throw .failed("\(target.kind) did not \(what): \(error.message)") }
    }

    /// Waits until every place shows the certificate.
    /// - Returns: whether each target was seen at one place at least.
    private func see(_ lineage: Lineage, _ targets: [InstallTarget]) async throws(AgentError) -> Bool {
        let expected = try chain(lineage)
        var isSeen = true
        for target in targets {
            let places = await target.endpoints(lineage.names)
            if places.isEmpty {
                isSeen = false
                if target.showsItself { tell(.warning(target.isSeenNowhere(lineage.names))) }
            }
            for place in places { try await see(lineage, expected, of: target, at: place) }
        }
        return isSeen
    }

    private func see(
        _ lineage: Lineage, _ expected: [[UInt8]], of target: InstallTarget, at place: Endpoint
    ) async throws(AgentError) {
        let clock = ContinuousClock()
        var waited = Duration.zero
        while true {
            let begin = clock.now
            let failure: String
            do throws(AgentError) {
                let shown = try await Probe.certificates(at: place)
                if shown.first == expected.first {
                    if !Set(expected.dropFirst()).isSubset(of: shown) {
                        tell(.warning("\(place) shows the certificate without all of its issuers: serve fullchain.pem."))
                    }
                    return tell(.seen(name: lineage.name, place: place.description))
                }
                let other = shown.first.flatMap { try? Certificate509(der: $0) }?.serialText ?? "unreadable"
                failure = "\(place) shows another certificate (serial \(other))"
            } catch { failure = error.message }
            waited += clock.now - begin
            guard waited < Self.servedPatience else { throw .failed("\(target.kind): \(failure).") }
            do { try await configuration.sleep(Self.servedPause) } catch { throw .failed("Cancelled.") }
            waited += Self.servedPause
        }
    }

    private func chain(_ lineage: Lineage) throws(AgentError) -> [[UInt8]] {
        let text = try store.read("fullchain.pem", of: lineage.name)
        do { return try PEM.decode(text).map(\.bytes) } catch {
            throw .failed("\(store.live(lineage.name))/fullchain.pem cannot be read: \(error)")
        }
    }
}
