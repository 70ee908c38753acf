import ACME
import ACMEClient
import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Which certificates are to move where, and how carefully.
package struct SwitchRequest: Sendable {
    /// Names or directory URLs.
    package var from: String
    package var to: String
    /// Names of certificates or patterns with `*` and `?`; empty: all.
    package var only: [String] = []
    package var canary = SwitchShare.percent(1)
    /// How many may fail after the first stage.
    package var allowance = SwitchShare.count(0)
    /// Nil: each certificate's own, where the new CA takes it.
    package var keyType: KeyType?
    package var preferredChain: String?
    package var preflight = true
    /// How to make an account at the new CA, where there is none.
    package var account = IssueRequest(names: [])

    package init(from: String, to: String) { (self.from, self.to) = (from, to) }
}

/// `12`, or `5%` of all.
package enum SwitchShare: Sendable, Equatable {
    case count(Int)
    case percent(Double)

    /// - Returns: nil for what is neither.
    package init?(_ text: String) {
        if text.hasSuffix("%") {
            guard let value = Double(text.dropLast()), (0...100).contains(value) else { return nil }
            self = .percent(value)
        } else {
            guard let value = Int(text), (0...1_000_000).contains(value) else { return nil }
            self = .count(value)
        }
    }

    /// Of so many.
    func of(_ total: Int) -> Int {
        switch self {
        case .count(let count): min(count, total)
        case .percent(let percent): min(total, Int((Double(total) * percent / 100).rounded()))
        }
    }

    /// The canary, then each stage four times the one before.
    func stages(of total: Int) -> [Int] {
        var (sizes, left, size) = ([Int](), total, max(1, of(total)))
        while left > 0 {
            sizes.append(min(size, left))
            left -= size
            size = min(size * 4, total)
        }
        return sizes
    }
}

/// What a switch would do, before it begins.
package struct SwitchOutline: Sendable, Equatable, Encodable {
    package struct Certificate: Sendable, Equatable, Encodable {
        package let name: String
        /// From 1.
        package let stage: Int
        package let names: [String]
        package let oldCA: String
        package let oldSerial: String
        package let keyType: KeyType
        /// Whether there is a place at which it can be seen.
        package let verifiable: Bool
        /// Why the new CA would not issue it. Safe for a terminal.
        package let obstacles: [String]
    }
    /// Directory URLs.
    package let from: String
    package let to: String
    /// Whether there is an account at the new CA.
    package let hasAccount: Bool
    package let stages: [Int]
    package let allowance: Int
    package let certificates: [Certificate]
}

extension CertificateAgent {
    /// What `switchAuthority` would do. Orders and writes nothing; the new CA is asked for its directory.
    /// - Throws: `nothingToDo` if there is nothing to move.
    package func outlineSwitch(_ request: SwitchRequest) async throws(AgentError) -> SwitchOutline {
        let (from, to) = try switchEnds(request)
        let lineages = try switched(request, from: from, to: to)
        let stages = request.canary.stages(of: lineages.count)
        let (_, directory, _) = try await open(to, root: request.account.caRoot)
        let obstacles = try await obstacles(lineages, request, at: to, directory.meta?.caaIdentities ?? [])
        var (certificates, index) = ([SwitchOutline.Certificate](), 0)
        for (stage, size) in stages.enumerated() {
            for lineage in lineages[index..<(index + size)] {
                certificates.append(
                    SwitchOutline.Certificate(
                        name: lineage.name, stage: stage + 1, names: lineage.names, oldCA: lineage.ca, oldSerial: lineage.serial,
                        keyType: keyType(of: lineage, request.keyType, at: to), verifiable: lineage.isSeenSomewhere,
                        obstacles: obstacles[lineage.name] ?? []))
            }
            index += size
        }
        let record = try store.accountRecord(to)
        return SwitchOutline(
            from: from, to: to, hasAccount: record?.url != nil && record?.deactivated == nil, stages: stages,
            allowance: request.allowance.of(lineages.count), certificates: certificates)
    }

    /// Directory URLs.
    func switchEnds(_ request: SwitchRequest) throws(AgentError) -> (from: String, to: String) {
        // What is left may have closed by now.
        let known = CatalogueEntry.all.first { $0.name == request.from }
        let from: String
        if let known { from = known.directory } else { from = try directoryURL(request.from) }
        let to = try directoryURL(request.to)
        guard from != to else { throw .needsPerson("--from and --to are the same authority.") }
        return (from, to)
    }

    /// What is to move: what came from the CA or is to come from it, but what was revoked. What can be seen stands first, for a canary that
    /// nobody can see proves little.
    func switched(_ request: SwitchRequest, from: String, to: String) throws(AgentError) -> [Lineage] {
        try Files.checkReadable("\(store.path)/live")
        var (found, unmatched) = ([Lineage](), Set(request.only))
        for (name, result) in store.lineages() {
            guard case .success(let lineage) = result else {
                tell(.warning("\(name) is left out, since what is kept of it cannot be read."))
                continue
            }
            guard lineage.ca == from || lineage.wanted == from, lineage.revoked == nil else { continue }
            let matching = request.only.filter { pattern in
                ([lineage.name] + lineage.names).contains { fnmatch(pattern.lowercased(), $0, 0) == 0 }
            }
            unmatched.subtract(matching)
            if request.only.isEmpty || !matching.isEmpty { found.append(lineage) }
        }
        if let pattern = unmatched.min() {
            throw .needsPerson(
                "No certificate of \(from.sanitized) is called \(pattern.sanitized). `chancery list` shows those that are.")
        }
        guard !found.isEmpty else { throw AgentError(.nothingToDo, "There is no certificate of \(from.sanitized) to move.") }
        return found.filter(\.isSeenSomewhere) + found.filter { !$0.isSeenSomewhere }
    }

    /// Why the new CA would not issue certificates, by their names, as far as that is known beforehand.
    func obstacles(
        _ lineages: [Lineage], _ request: SwitchRequest, at ca: String, _ identities: [String]
    ) async throws(AgentError) -> [String: [String]] {
        var found: [String: [String]] = [:]
        let entry = catalogueEntry(ca)
        for lineage in lineages {
            if entry?.wildcards == false, let wildcard = lineage.names.first(where: { $0.hasPrefix("*.") }) {
                found[lineage.name, default: []].append("\(entry?.title ?? ca) issues no wildcards, such as \(wildcard).")
            }
            guard request.preflight else { continue }
            let account = try store.accountRecord(ca)?.url
            let refusals = try await refusals(lineage.names, at: ca, identities, method: lineage.method, account: account)
            if !refusals.isEmpty { found[lineage.name, default: []] += refusals }
        }
        return found
    }

    /// The kind of key at another CA: that of the certificate, or what comes closest.
    func keyType(of lineage: Lineage, _ wanted: KeyType?, at ca: String) -> KeyType {
        var kind = wanted ?? lineage.keyType
        guard let known = catalogueEntry(ca)?.keyTypes else { return kind }
        while !known.contains(kind), let next = kind.substitute { kind = next }
        return kind
    }
}

extension Lineage {
    /// Whether one of its targets shows its certificate.
    var isSeenSomewhere: Bool { (targets ?? []).contains { (try? InstallTarget($0))?.showsItself == true } }
}

extension KeyType {
    /// What takes its place where a CA does not certify it; nil for those that every CA does.
    var substitute: KeyType? {
        switch self {
        case .p521: .p384
        case .p384: .p256
        case .rsa4096: .rsa3072
        case .rsa3072: .rsa2048
        case .p256, .rsa2048: nil
        }
    }
}
