extension Linter {
    static let keyRules: [LintRule] = [
        LintRule("key-algorithm", "BR 7.1.3.1") { (certificate, _) throws(Unacceptable) in
            _ = try PublicKeyInfo(der: certificate.publicKey)
            return nil
        },
        LintRule("key-strength", "BR 6.1.1.3, 6.1.5, 6.1.6") { (certificate, _) throws(Unacceptable) in
            guard let key = try? PublicKeyInfo(der: certificate.publicKey) else { return nil }
            try KeyCheck.check(key)
            return nil
        },
        LintRule("key-not-the-issuers", "a key certifies nobody but others", [.leaf, .intermediate]) { certificate, context in
            certificate.publicKey == context.issuerKey.der ? "the key is the issuer's own" : nil
        },
        LintRule("root-key-its-own", "RFC 5280 3.2", [.root]) { certificate, context in
            certificate.publicKey == context.issuerKey.der ? nil : "a root's key is not the one that signs it"
        },
    ]
}
