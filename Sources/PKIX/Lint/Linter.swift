internal import struct Foundation.Date

/// The rules that a certificate broke; never empty.
package struct LintFailure: Error, Equatable, CustomStringConvertible {
    package struct Finding: Sendable, Equatable {
        /// For instance `serial-positive`.
        package let rule: String
        package let text: String
    }
    package let findings: [Finding]
    package var description: String { findings.map { "\($0.rule): \($0.text)" }.joined(separator: "; ") }
}

/// What a rule may look at beside the bytes. A root has no issuer but itself: its optional members are nil.
struct LintContext {
    let kind: CertificateKind
    let issuerName: DistinguishedName?
    let issuerKey: PublicKeyInfo
    let issuerKeyIdentifier: [UInt8]
    let scheme: SignatureScheme
    let issuerNotAfter: Date?
    /// The names that the issuer may certify; nil without constraints, empty when they cannot be read (then nothing passes).
    let issuerConstraints: [String]?
    let now: Date
}

/// One demand on a certificate. `fault` reads the parsed bytes and returns what is wrong, or nil; throwing is a fault too.
struct LintRule: Sendable {
    let name: String
    /// Where it is written.
    let source: String
    let kinds: Set<CertificateKind>
    let fault: @Sendable (TBSCertificate, LintContext) throws(Unacceptable) -> String?

    init(
        _ name: String, _ source: String, _ kinds: Set<CertificateKind> = [.leaf, .intermediate, .root],
        _ fault: @escaping @Sendable (TBSCertificate, LintContext) throws(Unacceptable) -> String?
    ) {
        (self.name, self.source, self.kinds, self.fault) = (name, source, kinds, fault)
    }
}

enum Linter {
    static let rules =
        structureRules + validityRules + nameRules + alternativeNameRules + keyRules + authorityRules + usageRules + pointerRules

    /// Parses the bytes that will be signed and applies every rule of their kind.
    /// - Returns: what they say.
    static func check(_ bytes: [UInt8], _ context: LintContext) throws(LintFailure) -> TBSCertificate {
        let certificate: TBSCertificate
        do { certificate = try TBSCertificate(der: bytes) } catch {
            throw LintFailure(findings: [.init(rule: "readable", text: error.reason)])
        }
        let findings = rules.filter { $0.kinds.contains(context.kind) }.compactMap { rule -> LintFailure.Finding? in
            do throws(Unacceptable) {
                return try rule.fault(certificate, context).map { .init(rule: rule.name, text: $0) }
            } catch {
                return .init(rule: rule.name, text: error.reason)
            }
        }
        guard findings.isEmpty else { throw LintFailure(findings: findings) }
        return certificate
    }
}
