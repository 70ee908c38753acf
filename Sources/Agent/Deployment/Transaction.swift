import ACME
import ACMEClient
package import Foundation
import PKIX

/// How far a certificate has come on its way to being served; `state/NAME/deployment.json`.
package struct Deployment: Sendable, Equatable, Codable {
    package enum State: String, Sendable, Codable {
        /// The new files lie ready; nothing that serves has changed.
        case staged
        /// Servers were told to reload.
        case deployed
        /// Every place shows it.
        case verified
        /// It failed, and what was served before is served again.
        case putBack = "put-back"
    }
    /// Of the certificate.
    package var serial: String
    package var state: State
    package var at: Date
    /// Why it was put back. Safe for a terminal.
    package var reason: String?
}

extension StoreFolder {
    func served(_ name: String) -> String { "\(path)/served/\(name)" }

    /// - Returns: nil if there is none, or none that can be read.
    func deployment(_ name: String) -> Deployment? {
        (try? read(Deployment.self, from: "\(state(name))/deployment.json")) ?? nil
    }

    func save(_ deployment: Deployment, of name: String) throws(AgentError) {
        try Files.makeFolder(state(name))
        try write(deployment, to: "\(state(name))/deployment.json")
    }
}

extension CertificateAgent {
    /// How long a server may take to show a new certificate.
    static let servedPatience: TimeInterval = 30

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
        let name = lineage.name
        let placement = try Placement(targets, of: lineage, in: store)
        try keep(.staged, lineage)
        var reloaded: [InstallTarget] = []
        do throws(AgentError) {
            try placement.place()
            for target in targets { try await run(target.installer.check, of: target, to: "accept the new files") }
            for target in targets {
                reloaded.append(target)
                try await run(target.installer.reload, of: target, to: "reload")
            }
            try keep(.deployed, lineage)
            try await see(lineage, targets)
        } catch {
            let why = placement.hasBefore ? "What was served before is put back." : "There was nothing to put back."
            var told = "\(error.message) \(why)"
            do throws(AgentError) {
                try placement.putBack()
                if placement.hasBefore {
                    for target in reloaded { try await run(target.installer.reload, of: target, to: "reload the old files") }
                }
            } catch { told += " That failed too: \(error.message)" }
            placement.discard()
            try? keep(.putBack, lineage, reason: told)
            tell(.putBack(name: name, reason: told))
            throw AgentError(error.code, told)
        }
        placement.discard()
        try keep(.verified, lineage)
    }

    private func keep(_ state: Deployment.State, _ lineage: Lineage, reason: String? = nil) throws(AgentError) {
        try store.save(
            Deployment(serial: lineage.serial, state: state, at: configuration.now(), reason: reason), of: lineage.name)
    }

    private func run(_ command: [String]?, of target: InstallTarget, to what: String) async throws(AgentError) {
        guard let command, let program = command.first else { return }
        do throws(AgentError) {
            try await HookProgram.run(program, Array(command.dropFirst()), environment: [:])
        } catch { throw .failed("\(target.kind) did not \(what): \(error.message)") }
    }

    /// Waits until every place shows the certificate.
    private func see(_ lineage: Lineage, _ targets: [InstallTarget]) async throws(AgentError) {
        let expected = try chain(lineage)
        for target in targets {
            for place in await target.endpoints(lineage.names) {
                let end = configuration.now().addingTimeInterval(Self.servedPatience)
                while true {
                    let failure: String
                    do throws(AgentError) {
                        let shown = try await Probe.certificates(at: place)
                        if shown.first == expected.first {
                            if !Set(expected.dropFirst()).isSubset(of: shown) {
                                tell(.warning("\(place) shows the certificate without all of its issuers: serve fullchain.pem."))
                            }
                            tell(.seen(name: lineage.name, place: place.description))
                            break
                        }
                        let other = shown.first.flatMap { try? Certificate509(der: $0) }?.serialText ?? "unreadable"
                        failure = "\(place) shows another certificate (serial \(other))"
                    } catch { failure = error.message }
                    guard configuration.now() < end else { throw .failed("\(target.kind): \(failure).") }
                    do { try await configuration.sleep(.milliseconds(500)) } catch { throw .failed("Cancelled.") }
                }
            }
        }
    }

    private func chain(_ lineage: Lineage) throws(AgentError) -> [[UInt8]] {
        let text = try store.read("fullchain.pem", of: lineage.name)
        do { return try PEM.decode(text).map(\.bytes) } catch {
            throw .failed("\(store.live(lineage.name))/fullchain.pem cannot be read: \(error)")
        }
    }
}
