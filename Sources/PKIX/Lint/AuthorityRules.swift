extension Linter {
    /// Basic constraints, name constraints and the two key identifiers: what makes a chain.
    static let authorityRules: [LintRule] = [
        LintRule("constraints-present", "RFC 5280 4.2.1.9") { certificate, _ in
            certificate.extensionValue(.basicConstraints) == nil ? "there are no basicConstraints" : nil
        },
        LintRule("constraints-critical", "RFC 5280 4.2.1.9, BR 7.1.2.7.8") { certificate, _ in
            certificate.extensionValue(.basicConstraints)?.isCritical == false ? "basicConstraints are not critical" : nil
        },
        LintRule("constraints-leaf", "BR 7.1.2.7.8", [.leaf]) { certificate, _ in
            guard let constraints = certificate.extensionValue(.basicConstraints) else { return nil }
            return constraints.value == [0x30, 0x00] ? nil : "basicConstraints of a leaf are not 3000"
        },
        LintRule("constraints-authority", "RFC 5280 4.2.1.9", [.intermediate, .root]) { (certificate, _) throws(Unacceptable) in
            guard let constraints = certificate.extensionValue(.basicConstraints) else { return nil }
            return try constraints.basicConstraints().isCA ? nil : "basicConstraints do not say CA"
        },
        LintRule("constraints-path-length", "BR 7.1.2.10.4, 7.1.2.1.4", [.intermediate, .root]) {
            (certificate, context) throws(Unacceptable) in
            guard let constraints = certificate.extensionValue(.basicConstraints) else { return nil }
            let length = try constraints.basicConstraints().pathLength
            return length == (context.kind == .root ? nil : 0)
                ? nil : "the path length must be 0 in an intermediate, absent in a root"
        },
        LintRule("name-constraints-critical", "RFC 5280 4.2.1.10", [.intermediate]) { certificate, _ in
            certificate.extensionValue(.nameConstraints)?.isCritical == false ? "nameConstraints are not critical" : nil
        },
        LintRule("name-constraints-form", "RFC 5280 4.2.1.10", [.intermediate]) { (certificate, _) throws(Unacceptable) in
            let permitted = try certificate.extensionValue(.nameConstraints)?.permittedNames() ?? []
            return permitted.contains { $0.isEmpty || $0.hasPrefix(".") } ? "a permitted name is empty or begins with a dot" : nil
        },
        LintRule("authority-key-identifier", "RFC 5280 4.2.1.1, BR 7.1.2.11.1") { (certificate, context) throws(Unacceptable) in
            guard let own = certificate.extensionValue(.authorityKeyIdentifier) else {
                return "there is no authorityKeyIdentifier"
            }
            let (identifier, onlyKey) = try own.authorityKeyIdentifier()
            guard identifier == context.issuerKeyIdentifier else { return "authorityKeyIdentifier is not the issuer's" }
            return onlyKey && !own.isCritical ? nil : "authorityKeyIdentifier is critical or holds more than the key identifier"
        },
        LintRule("subject-key-identifier", "RFC 5280 4.2.1.2") { (certificate, context) throws(Unacceptable) in
            guard let own = certificate.extensionValue(.subjectKeyIdentifier) else {
                return context.kind == .leaf ? nil : "there is no subjectKeyIdentifier"
            }
            guard !own.isCritical else { return "subjectKeyIdentifier is critical" }
            let identifier = try own.subjectKeyIdentifier()
            guard let key = try? PublicKeyInfo(der: certificate.publicKey) else { return nil }
            return identifier == key.keyIdentifier ? nil : "subjectKeyIdentifier is not that of the key"
        },
    ]
}
