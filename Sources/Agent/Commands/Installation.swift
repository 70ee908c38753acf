import ACME
import ACMEClient
import Foundation
import PKIX

/// A fresh key and its request to be signed.
struct RequestedKey: Sendable {
    let names: [String]
    /// Secret.
    let pem: String
    /// DER of the SubjectPublicKeyInfo.
    let publicKey: [UInt8]
    /// DER of the certificate request.
    let request: [UInt8]

    /// - Throws: `failed` if the key were the account's (RFC 8555 section 11.1).
    init(names: [String], keyType: KeyType, accountKey: SigningKey) throws(AgentError) {
        guard let kind = CertificateKey.Kind(rawValue: keyType.rawValue) else {
            throw .failed("No key of this type can be made.")
        }
        do {
            let key = try CertificateKey(kind)
            (self.names, pem, publicKey) = (names, key.pem, key.publicKey.der)
            request = try CertificateRequest.make(names: names, key: key)
        } catch { throw .failed("The certificate request cannot be made: \(error.reason)") }
        guard publicKey != accountKey.jwk.subjectPublicKeyInfo else { throw .failed("The certificate's key is the account's.") }
    }
}

/// A chain that was looked at before anything of it is installed.
struct IssuedCertificate: Sendable {
    let leaf: Certificate509
    let chain: [Certificate509]

    /// - Parameter certificates: DER, the leaf first.
    /// - Throws: `failed` unless the leaf is for this key and these names and valid now, and each certificate is signed by the
    ///   next (RFC 8555 section 11.4). A CA may add names. An hour is allowed for clocks that differ.
    init(_ certificates: [[UInt8]], for made: RequestedKey, now: Date) throws(AgentError) {
        var parsed: [Certificate509] = []
        for der in certificates {
            do { parsed.append(try Certificate509(der: der)) } catch {
                throw .misdeed("The CA sent what is no certificate: \(error.reason.sanitized). Nothing was installed.")
            }
        }
        guard let leaf = parsed.first else { throw .misdeed("The CA sent no certificate.") }
        func refuse(_ why: String) -> AgentError { .misdeed("The CA sent \(why). Nothing was installed.") }
        guard leaf.publicKey == made.publicKey else { throw refuse("a certificate for another key") }
        let missing = Set(made.names).subtracting(leaf.dnsNames.map { $0.lowercased() })
        guard missing.isEmpty else { throw refuse("a certificate without \(missing.sorted().joined(separator: ", "))") }
        guard !leaf.isCA else { throw refuse("a certificate that is a CA's") }
        guard leaf.notBefore <= now.addingTimeInterval(3600) else {
            throw refuse("a certificate that is not valid yet; is this machine's clock right?")
        }
        guard leaf.notAfter > now else { throw refuse("a certificate that has expired; is this machine's clock right?") }
        for (certificate, issuer) in zip(parsed, parsed.dropFirst()) where !certificate.isSigned(by: issuer) {
            throw refuse("a chain that does not hold together")
        }
        (self.leaf, chain) = (leaf, Array(parsed.dropFirst()))
    }
}

extension CertificateAgent {
    /// Makes a certificate what is live.
    func install(
        _ issued: IssuedCertificate, key: RequestedKey, _ plan: IssuePlan, method: ChallengeMethod, account: String
    ) throws(AgentError) -> Lineage {
        guard let first = try? DomainName(plan.names.first ?? "") else { throw .failed("The certificate has no first name.") }
        let name = Lineage.name(for: first)
        let leaf = issued.leaf
        let history = (try? store.lineage(name))?.history ?? []
        let this = Lineage.Installation(at: configuration.now(), serial: leaf.serialText, notAfter: leaf.notAfter)
        let lineage = Lineage(
            name: name, names: plan.names, ca: plan.ca, wanted: plan.wanted, pool: plan.pool, account: account,
            identifier: leaf.renewalIdentifier?.text, method: method, keyType: plan.keyType,
            preferredChain: plan.preferredChain, deployHook: plan.deployHook, targets: plan.targets,
            notBefore: leaf.notBefore, notAfter: leaf.notAfter, serial: leaf.serialText,
            served: plan.deployHook == nil && (plan.targets ?? []).isEmpty,
            revoked: nil, history: history.suffix(19) + [this])
        try store.install(
            CertificateFiles(
                privateKey: key.pem, certificate: leaf.pem, chain: issued.chain.map(\.pem).joined(), lineage: lineage))
        tell(.installed(name: name, folder: store.live(name), notAfter: leaf.notAfter, serial: leaf.serialText))
        return lineage
    }

    /// Puts the certificate to use at its targets, then runs the deploy hook: without a shell, with certbot's `RENEWED_LINEAGE` (the
    /// folder) and `RENEWED_DOMAINS` (with spaces).
    func deploy(_ lineage: Lineage) async throws(AgentError) -> IssueOutcome {
        guard lineage.deployHook != nil || !(lineage.targets ?? []).isEmpty else { return .installed(summary(of: lineage)) }
        do throws(AgentError) {
            try await deployTargets(lineage)
            if let hook = lineage.deployHook {
                try await HookProgram.run(
                    hook, [],
                    environment: [
                        "RENEWED_LINEAGE": store.live(lineage.name), "RENEWED_DOMAINS": lineage.names.joined(separator: " "),
                    ])
            }
        } catch {
            note(error, of: lineage.name, .deploy, ca: lineage.ca, lifetime: lineage.lifetime)
            tell(.deployFailed(name: lineage.name, reason: error.message))
            return .notServed(summary(of: lineage), reason: error.message)
        }
        store.forgetFailures(lineage.name, .deploy)
        var served = lineage
        served.served = true
        try store.update(served)
        tell(.deployed(name: lineage.name))
        return .installed(summary(of: served))
    }
}

extension Certificate509 {
    /// The certificate as RFC 9773 section 4.1 names it; nil if its issuer's key has no identifier.
    var renewalIdentifier: CertificateIdentifier? {
        authorityKeyIdentifier.flatMap { try? CertificateIdentifier(keyIdentifier: $0, serial: serial) }
    }
}
