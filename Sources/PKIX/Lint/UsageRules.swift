extension Linter {
    static let usageRules: [LintRule] = [
        LintRule("key-usage-present", "RFC 5280 4.2.1.3") { certificate, _ in
            certificate.extensionValue(.keyUsage) == nil ? "there is no keyUsage" : nil
        },
        LintRule("key-usage-critical", "RFC 5280 4.2.1.3, BR 7.1.2.7.11") { certificate, _ in
            certificate.extensionValue(.keyUsage)?.isCritical == false ? "keyUsage is not critical" : nil
        },
        LintRule("key-usage-minimal", "X.690 11.2.2") { (certificate, _) throws(Unacceptable) in
            guard let usage = certificate.extensionValue(.keyUsage) else { return nil }
            return try Extension.keyUsage(usage.keyUsage()).value == usage.value ? nil : "keyUsage is not minimally encoded"
        },
        LintRule("key-usage-leaf", "BR 7.1.2.7.11", [.leaf]) { (certificate, _) throws(Unacceptable) in
            guard let usage = certificate.extensionValue(.keyUsage), let key = try? PublicKeyInfo(der: certificate.publicKey)
            else { return nil }
            return try usage.keyUsage() == .server(key.algorithm) ? nil : "keyUsage does not fit a server's key of this kind"
        },
        LintRule("key-usage-authority", "BR 7.1.2.10.7", [.intermediate, .root]) { (certificate, _) throws(Unacceptable) in
            guard let usage = certificate.extensionValue(.keyUsage) else { return nil }
            return try usage.keyUsage() == [.keyCertSign, .crlSign] ? nil : "keyUsage is not keyCertSign and cRLSign"
        },
        LintRule("extended-key-usage-present", "BR 7.1.2.7.10, 7.1.2.10.6", [.leaf, .intermediate]) { certificate, _ in
            certificate.extensionValue(.extendedKeyUsage) == nil ? "there is no extendedKeyUsage" : nil
        },
        LintRule("extended-key-usage-server", "BR 7.1.2.7.10, 7.1.2.10.6", [.leaf, .intermediate]) {
            (certificate, _) throws(Unacceptable) in
            guard let usage = certificate.extensionValue(.extendedKeyUsage) else { return nil }
            let purposes = try usage.extendedKeyUsage()
            let isFit = purposes.contains(.serverAuth) && purposes.allSatisfy { $0 == .serverAuth || $0 == .clientAuth }
            return isFit && Set(purposes).count == purposes.count
                ? nil : "extendedKeyUsage is not serverAuth with or without clientAuth"
        },
        LintRule("extended-key-usage-not-critical", "BR 7.1.2.7.6", [.leaf, .intermediate]) { certificate, _ in
            certificate.extensionValue(.extendedKeyUsage)?.isCritical == true ? "extendedKeyUsage is critical" : nil
        },
    ]
}
