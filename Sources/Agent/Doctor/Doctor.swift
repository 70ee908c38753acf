import ACME
import ACMEClient
import DNS
import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What to look at.
package struct DoctorRequest: Sendable {
    /// Certificates, or names that there is no certificate for yet. Empty: all certificates.
    package var names: [String] = []
    /// For names without a certificate: a CA's name or URL; nil: the default.
    package var ca: String?
    /// For names without a certificate: how they would be proved.
    package var method: ChallengeMethod?
    /// Resolvers as `Resolver` takes them; empty: the host's. CAA records are asked for where the agent always asks.
    package var resolvers: [String] = []

    // What tests replace.
    var ports = WayExamination.Ports()
    var dnsPort = 53
    var anchors = Resolver.rootAnchors
    var hints = HostHints.real

    package init() {}
}

extension CertificateAgent {
    /// So many names are looked at at a time.
    private static let width = 8

    /// Something to look at: a certificate, or names that would become one.
    private struct Patient: Sendable {
        let names: [String]
        let lineage: Lineage?
        let method: ChallengeMethod?
        /// Directory URLs.
        let pool: [String]
    }

    /// Looks for what stands in the way of certificates, from this host, before anything is ordered. Takes no lock, writes nothing, and
    /// asks nothing of a CA that counts.
    /// - Throws: only for a store or a name that cannot be read.
    package func examine(_ request: DoctorRequest) async throws(AgentError) -> DoctorReport {
        let settings = try store.settings()
        _ = try store.names()
        var (patients, findings) = try patients(request, settings)

        var store = StoreExamination(self.store, now: configuration.now())
        store.run(patients.compactMap(\.lineage))
        findings += store.findings

        let wanted = Set(patients.compactMap(\.pool.first))
        var authorities: [String] = []
        for ca in patients.flatMap(\.pool) + (patients.isEmpty ? [try standardAuthority()] + (settings.pool ?? []) : [])
        where !authorities.contains(ca) { authorities.append(ca) }
        var directories: [String: Directory] = [:]
        for ca in authorities.prefix(20) {
            let (found, directory) = await examine(authority: ca, settings, isWanted: wanted.contains(ca) || patients.isEmpty)
            findings += found
            directories[ca] = directory
        }

        let dns = try await NameExamination(servers: request.resolvers, anchors: request.anchors, port: request.dnsPort)
        let way = WayExamination(ports: request.ports, hints: request.hints, addresses: { await dns.addresses(of: $0) })
        for patient in patients { findings += local(patient, request.hints, settings) }
        findings += await withTaskGroup(of: (Int, [Finding]).self) { group in
            var waiting = patients.enumerated().makeIterator()
            func next() -> Bool {
                guard let (index, patient) = waiting.next() else { return false }
                group.addTask { [directories] in (index, await self.visit(patient, dns, way, directories)) }
                return true
            }
            for _ in 0..<Self.width where !next() { break }
            var told: [(Int, [Finding])] = []
            while let one = await group.next() {
                told.append(one)
                if !Task.isCancelled { _ = next() }
            }
            return told.sorted { $0.0 < $1.0 }.flatMap(\.1)
        }
        return DoctorReport(
            findings, certificates: patients.count { $0.lineage != nil },
            names: patients.filter { $0.lineage == nil }.map(\.names.count).reduce(0, +),
            authorities: authorities.count)
    }

    private func patients(
        _ request: DoctorRequest, _ settings: SettingsRecord
    ) throws(AgentError) -> (patients: [Patient], findings: [Finding]) {
        func patient(_ lineage: Lineage) throws(AgentError) -> Patient {
            Patient(names: lineage.names, lineage: lineage, method: lineage.method, pool: try eligible(lineage, settings))
        }
        var patients: [Patient] = []
        var findings: [Finding] = []
        guard !request.names.isEmpty else {
            for (name, found) in store.lineages() {
                switch found {
                case .success(let lineage): if lineage.revoked == nil { patients.append(try patient(lineage)) }
                case .failure(let error):
                    findings.append(
                        Finding(
                            .trouble, .store, name, error.message,
                            change: "Put the file back from a backup, or issue the certificate again."))
                }
            }
            return (patients, findings)
        }
        var fresh: [String] = []
        for typed in request.names {
            let name: DomainName
            do { name = try DomainName.ascii(typed.trimmingCharacters(in: .whitespaces)) } catch {
                throw .needsPerson("\(typed.sanitized) is no DNS name: \(error.reason)")
            }
            if let lineage = try store.lineage(Lineage.name(for: name)), request.method == nil, request.ca == nil {
                patients.append(try patient(lineage))
            } else if !fresh.contains(name.text) {
                fresh.append(name.text)
            }
        }
        if !fresh.isEmpty {
            let pool = [try directoryURL(request.ca)] + (settings.pool ?? [])
            patients.append(Patient(names: fresh, lineage: nil, method: request.method?.absolute, pool: pool))
        }
        return (patients, findings)
    }

    /// What can be seen on this host alone.
    private func local(_ patient: Patient, _ hints: HostHints, _ settings: SettingsRecord) -> [Finding] {
        var findings: [Finding] = []
        func add(_ place: String, _ text: String, _ change: String) {
            findings.append(Finding(.trouble, .proof, place, text, change: change))
        }
        if let wildcard = patient.names.first(where: { $0.hasPrefix("*.") }), patient.method?.provesWildcards == false {
            add(wildcard, "a wildcard is proved by the DNS alone", "Issue it with --dns-hook PROGRAM.")
        }
        switch patient.method {
        case .webroot(let folder)?:
            if access(folder, W_OK | X_OK) != 0 {
                add(
                    folder, "this folder of --webroot cannot be written: \(Files.reason())",
                    "Make it, or give this user the right to write.")
            }
        case .standalone(let port)?, .tlsALPN(let port)?:
            if hints.listens(port) == true {
                add(
                    "port \(port)", "something on this host listens on it already",
                    "Use --webroot with the server that is there, or stop it while chancery proves.")
            }
            if !hints.mayListen(port, isRoot: geteuid() == 0) {
                add(
                    "port \(port)", "this user may not listen on it",
                    "Run as root, give the capability CAP_NET_BIND_SERVICE, or choose a higher port with a forwarding in front.")
            }
        case .dnsHook(let program)?:
            do throws(AgentError) { try HookProgram.check(program) } catch {
                add(program, error.message, "Put the program in place.")
            }
        case nil: break
        }
        if let ca = patient.pool.first {
            findings += examineLimits(patient.names, patient.lineage, at: ca, title(ca, settings))
        }
        return findings
    }

    /// What the DNS and the network say about one.
    private func visit(
        _ patient: Patient, _ dns: NameExamination, _ way: WayExamination, _ directories: [String: Directory]
    ) async -> [Finding] {
        var findings: [Finding] = []
        let isPublic = patient.pool.first.map { catalogueEntry($0) != nil } ?? false
        var seen: Set<String> = []
        for name in patient.names.map({ $0.hasPrefix("*.") ? String($0.dropFirst(2)) : $0 }) where seen.insert(name).inserted {
            // Loopback by definition (RFC 6761 section 6.3).
            guard name != "localhost", !name.hasSuffix(".localhost") else { continue }
            let found = await dns.run(name, needsAddress: patient.method?.type != .dns01)
            findings += found.findings
            findings += await way.run(name, found.addresses, patient.method, isPublic: isPublic)
        }
        findings += await examineRecords(patient, directories)
        if let lineage = patient.lineage { findings += await examineServed(lineage) }
        return findings
    }

    /// CAA records, for each CA of the pool; as it says itself by which domain it is known, or said last.
    private func examineRecords(_ patient: Patient, _ directories: [String: Directory]) async -> [Finding] {
        var findings: [Finding] = []
        for (index, ca) in patient.pool.enumerated() {
            let account = (try? store.accountRecord(ca)).flatMap { $0 }?.url
            let identities = directories[ca].map { $0.meta?.caaIdentities ?? [] }
            let refusals = try? await refusals(patient.names, at: ca, identities, method: patient.method, account: account)
            for refusal in refusals ?? [] {
                findings.append(
                    Finding(
                        index == 0 ? .trouble : .warning, .caa, patient.names.first ?? ca, refusal,
                        change: index == 0
                            ? "Change the record so, or use an authority that it names."
                            : "Change the record so, for it is a backup of these names."))
            }
        }
        return findings
    }
}
