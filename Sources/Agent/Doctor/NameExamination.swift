import ACMEClient
import DNS
import Foundation

/// Asks the DNS about a name as a CA does, and each server of its zone by itself.
final class NameExamination: Sendable {
    struct Outcome: Sendable {
        var findings: [Finding] = []
        /// That the name leads to, IPv6 first.
        var addresses: [IPAddress] = []
    }

    private let resolver: Resolver
    /// Checks signatures; nil where the host's resolvers do not hand them on.
    private let checking: Resolver?
    /// On which the zone's own servers are asked.
    private let port: Int
    /// So many servers of a zone are asked, and so many addresses of each.
    private static let (mostServers, mostAddresses) = (8, 4)

    /// - Parameters:
    ///   - servers: see `Resolver`.
    ///   - anchors: that signatures are checked by.
    init(servers: [String], anchors: [String], port: Int) async throws(AgentError) {
        do {
            resolver = try Resolver(servers: servers, patience: .seconds(5))
            let checking = try Resolver(servers: servers, patience: .seconds(5), anchors: anchors)
            // A private network may have no root, or one of its own: nothing can be said then.
            self.checking = anchors == Resolver.rootAnchors ? (await checking.canCheckSignatures() ? checking : nil) : checking
        } catch { throw .needsPerson(error.description) }
        self.port = port
    }

    func addresses(of name: String) async -> [IPAddress] { (try? await resolver.addresses(of: name)) ?? [] }

    /// - Parameters:
    ///   - name: without `*.`.
    ///   - needsAddress: whether a CA connects to it.
    func run(_ name: String, needsAddress: Bool) async -> Outcome {
        var outcome = Outcome()
        do throws(LookupFailure) { outcome.addresses = try await resolver.addresses(of: name) } catch {
            if needsAddress || ![.noData, .noSuchName].contains(error.kind) {
                outcome.findings.append(
                    Finding(.trouble, .dns, name, "\(error.type): \(error.reason)", change: Self.remedy(error.kind)))
            }
        }
        if let checking {
            do throws(LookupFailure) { _ = try await checking.addresses(of: name) } catch {
                if error.kind == .bogus {
                    outcome.findings.append(
                        Finding(
                            .trouble, .dnssec, name, "\(error.reason); every CA refuses it",
                            change:
                                "Sign the zone anew, and compare the DS record at the parent with the zone's key: `delv \(name)`."
                        ))
                }
            }
        }
        outcome.findings += await servers(of: name)
        return outcome
    }

    /// Each server of the zone, and whether they agree.
    private func servers(of name: String) async -> [Finding] {
        let delegation: Delegation
        do throws(LookupFailure) { delegation = try await resolver.delegation(of: name) } catch {
            guard error.kind != .noData else { return [] }
            return [
                Finding(
                    .warning, .dns, name, "the servers of its zone cannot be found: \(error.reason)",
                    change: "The delegation of the domain, at its registrar.")
            ]
        }
        var findings: [Finding] = []
        var answers: [(server: String, answer: AuthoritativeAnswer)] = []
        for server in delegation.servers.prefix(Self.mostServers) {
            let places = await addresses(of: server)
            if places.isEmpty {
                findings.append(
                    Finding(
                        .warning, .dns, server, "this server of \(delegation.zone) has no address",
                        change: "Correct the zone's NS records, or give the server an address."))
            }
            for place in places.prefix(Self.mostAddresses) {
                let label = "\(server) (\(place))"
                do throws(LookupFailure) {
                    answers.append((label, try await ask(WebAddress(place).with(port: port), name)))
                } catch {
                    let isGone = error.kind == .noSuchName
                    // Where the name is nowhere, that was told.
                    if isGone {
                        answers.append((label, .addresses([])))
                    } else {
                        findings.append(
                            Finding(
                                .warning, .dns, label,
                                "as a server of \(delegation.zone) it does not answer for \(name): \(error.reason)",
                                change:
                                    "Start it, open port 53 (UDP and TCP) to everybody, or take it out of the NS records: a CA may ask this one."
                            ))
                    }
                }
            }
        }
        if Set(answers.map { Self.words($0.answer) }).count > 1 {
            let said = answers.map { "\($0.server) says \(Self.words($0.answer))" }.joined(separator: "; ")
            findings.append(
                Finding(
                    .warning, .dns, name, "the servers of \(delegation.zone) disagree: \(said)",
                    change:
                        "Wait until all have the new zone, or look why one does not get it (serial, transfer): a CA may ask any of them."
                ))
        }
        return findings
    }

    private func ask(_ server: String, _ name: String) async throws(LookupFailure) -> AuthoritativeAnswer {
        let one: Resolver
        do { one = try Resolver(servers: [server], patience: .seconds(4)) } catch {
            throw LookupFailure(.serverFailure, name: name, type: "A", reason: error.description)
        }
        return try await one.own(name)
    }

    private static func words(_ answer: AuthoritativeAnswer) -> String {
        switch answer {
        case .addresses(let all): all.isEmpty ? "nothing" : all.map(\.description).joined(separator: " ")
        case .alias(let other): "it is \(other)"
        }
    }

    private static func remedy(_ kind: LookupFailure.Kind) -> String {
        switch kind {
        case .noSuchName, .noData: "Make an A or AAAA record that leads to this host."
        case .bogus: "Sign the zone anew, and compare the DS record at the parent with the zone's key."
        case .serverFailure, .timeout: "The zone's name servers, or this host's resolvers (/etc/resolv.conf)."
        case .cancelled: "Try again."
        }
    }
}
