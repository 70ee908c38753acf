import ACME
import ACMEClient
package import Foundation

/// A certificate as `list` shows it.
package struct CertificateSummary: Sendable, Equatable, Encodable {
    package let name: String
    package let names: [String]
    /// Directory URL.
    package let ca: String
    /// Upper-case hexadecimal.
    package let serial: String
    package let notBefore: Date
    /// The last second of the validity.
    package let notAfter: Date
    /// From when on `renew` acts.
    package let due: Date
    package let dueReason: RenewalReason
    package let isDue: Bool
    /// False after it could not be put to use.
    package let served: Bool
    package let revoked: Date?
    /// The folder of the four PEM files.
    package let folder: String
}

/// A certificate as `show` shows it.
package struct CertificateDetails: Sendable, Equatable, Encodable {
    package let summary: CertificateSummary
    package let keyType: KeyType
    package let method: ChallengeMethod
    package let deployHook: String?
    package let targets: [String]
    package let deployment: Deployment?
    /// PEM files by their role: `privkey`, `cert`, `chain`, `fullchain`.
    package let files: [String: String]
    package let history: [Lineage.Installation]
    /// What the next order takes of the CA's limits, and what is left of them.
    package let budgets: [Budget]
    /// The arguments after `chancery` with which it could be issued again.
    package let command: [String]
}

/// A line of `list`.
package struct ListedCertificate: Sendable {
    package let name: String
    /// A certificate whose lineage cannot be read is a failure in its place.
    package let result: Result<CertificateSummary, AgentError>
}

extension CertificateAgent {
    /// All certificates by name. Takes no lock.
    /// - Throws: only if the store as a whole cannot be read.
    package func list() throws(AgentError) -> [ListedCertificate] {
        try Files.checkReadable(store.path)
        try Files.checkReadable("\(store.path)/live")
        return store.lineages().map { name, lineage in ListedCertificate(name: name, result: lineage.map { summary(of: $0) }) }
    }

    /// One certificate. Takes no lock.
    package func show(_ typed: String) throws(AgentError) -> CertificateDetails {
        let lineage = try existing(typed)
        let folder = store.live(lineage.name)
        let roles = ["privkey", "cert", "chain", "fullchain"]
        return CertificateDetails(
            summary: summary(of: lineage), keyType: lineage.keyType, method: lineage.method, deployHook: lineage.deployHook,
            targets: lineage.targets ?? [], deployment: store.deployment(lineage.name),
            files: Dictionary(uniqueKeysWithValues: roles.map { ($0, "\(folder)/\($0).pem") }), history: lineage.history,
            budgets: budgets(
                lineage.names, kinship(lineage.names, replacing: lineage, at: lineage.wanted ?? lineage.ca),
                at: lineage.wanted ?? lineage.ca),
            command: command(lineage))
    }

    func summary(of lineage: Lineage) -> CertificateSummary {
        let due = due(lineage)
        return CertificateSummary(
            name: lineage.name, names: lineage.names, ca: lineage.ca, serial: lineage.serial, notBefore: lineage.notBefore,
            notAfter: lineage.notAfter, due: due.at, dueReason: due.reason, isDue: configuration.now() >= due.at,
            served: lineage.served, revoked: lineage.revoked, folder: store.live(lineage.name))
    }

    private func command(_ lineage: Lineage) -> [String] {
        var words = ["issue", "--store", store.path, "--ca", lineage.wanted ?? lineage.ca, "--agree-tos"]
        for ca in lineage.pool ?? [] { words += ["--fallback-ca", ca] }
        for contact in (try? store.accountRecord(lineage.ca))??.contacts ?? [] {
            words += ["-m", contact.hasPrefix("mailto:") ? String(contact.dropFirst(7)) : contact]
        }
        for name in lineage.names { words += ["-d", name] }
        words += lineage.method.flags + ["--key-type", lineage.keyType.rawValue]
        for target in lineage.targets ?? [] { words += ["--install", target] }
        if let root = lineage.preferredChain { words += ["--preferred-chain", root] }
        if let hook = lineage.deployHook { words += ["--deploy-hook", hook] }
        return words
    }
}

/// Words as one line that a shell reads back as they are.
package func shellLine(_ words: [String]) -> String {
    words.map { word in
        let plain = word.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: "-_./:=@%+,".utf8.contains(byte)
            }
        }
        return plain && !word.isEmpty
            ? word : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }.joined(separator: " ")
}
