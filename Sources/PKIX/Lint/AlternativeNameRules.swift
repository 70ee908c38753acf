extension Linter {
    static let alternativeNameRules: [LintRule] = [
        LintRule("san-present", "BR 7.1.2.7.12", [.leaf]) { certificate, _ in
            certificate.extensionValue(.subjectAlternativeName) == nil ? "there is no subjectAltName" : nil
        },
        LintRule("san-criticality", "RFC 5280 4.2.1.6", [.leaf]) { certificate, _ in
            guard let names = certificate.extensionValue(.subjectAlternativeName) else { return nil }
            return names.isCritical == certificate.subject.isEmpty
                ? nil : "subjectAltName must be critical if and only if the subject is empty"
        },
        LintRule("san-not-empty", "RFC 5280 4.2.1.6", [.leaf]) { (certificate, _) throws(Unacceptable) in
            guard let names = certificate.extensionValue(.subjectAlternativeName) else { return nil }
            return try names.subjectAlternativeName().isEmpty ? "subjectAltName is empty" : nil
        },
        LintRule("san-names-and-addresses", "BR 7.1.2.7.12", [.leaf]) { (certificate, _) throws(Unacceptable) in
            let names = try certificate.extensionValue(.subjectAlternativeName)?.subjectAlternativeName() ?? []
            let isKnown = names.allSatisfy { name in
                switch name {
                case .dns: true
                case .address(let bytes): bytes.count == 4 || bytes.count == 16
                case .uri, .other: false
                }
            }
            return isKnown ? nil : "subjectAltName holds something that is neither a DNS name nor an address"
        },
        LintRule("san-unique", "the profile of this authority", [.leaf]) { (certificate, _) throws(Unacceptable) in
            let names = try certificate.dnsNames()
            return Set(names).count == names.count ? nil : "a name stands twice in subjectAltName"
        },
        LintRule("san-lower-case", "RFC 8555 7.1.4", [.leaf]) { (certificate, _) throws(Unacceptable) in
            try firstName(certificate) { $0.utf8.contains { (0x41...0x5a).contains($0) } }.map { "\($0) is not in lower case" }
        },
        LintRule("san-length", "RFC 1034 3.1", [.leaf]) { (certificate, _) throws(Unacceptable) in
            try firstName(certificate) { name in
                name.utf8.count > 253 || name.split(separator: ".").contains { $0.utf8.count > 63 }
            }.map { "\($0) or a label of it is too long" }
        },
        LintRule("san-no-empty-label", "RFC 1034 3.5, BR 7.1.4.2", [.leaf]) { (certificate, _) throws(Unacceptable) in
            try firstName(certificate) { $0.split(separator: ".", omittingEmptySubsequences: false).contains { $0.isEmpty } }
                .map { "\($0) has an empty label" }
        },
        LintRule("san-letters-digits-hyphen", "RFC 1034 3.5", [.leaf]) { (certificate, _) throws(Unacceptable) in
            try firstName(certificate) { name in
                let base = name.hasPrefix("*.") ? name.dropFirst(2) : Substring(name)
                return base.split(separator: ".").contains { !isLDH($0) }
            }.map { "\($0) has a label that is not letters, digits and inner hyphens" }
        },
        LintRule("san-wildcard-leftmost", "RFC 6125 6.4.3", [.leaf]) { (certificate, _) throws(Unacceptable) in
            try firstName(certificate) { $0.utf8.dropFirst($0.hasPrefix("*.") ? 2 : 0).contains(0x2a) || $0 == "*." }
                .map { "\($0) has a wildcard that is not its whole leftmost label" }
        },
        LintRule("san-no-reserved-label", "RFC 5890 2.3.1", [.leaf]) { (certificate, _) throws(Unacceptable) in
            try firstName(certificate) {
                $0.split(separator: ".").contains { $0.dropFirst(2).hasPrefix("--") && !$0.hasPrefix("xn--") }
            }
            .map { "\($0) has a reserved label" }
        },
        LintRule("san-no-address", "RFC 3696 2", [.leaf]) { (certificate, _) throws(Unacceptable) in
            try firstName(certificate) { $0.split(separator: ".").last?.utf8.allSatisfy { (0x30...0x39).contains($0) } ?? false }
                .map { "\($0) ends in a number, as an address does" }
        },
        LintRule("san-within-constraints", "RFC 5280 4.2.1.10", [.leaf]) { (certificate, context) throws(Unacceptable) in
            guard let permitted = context.issuerConstraints else { return nil }
            return try firstName(certificate) { name in
                !permitted.contains { name == $0 || name.hasSuffix("." + $0) }
            }.map { "\($0) is outside the names that the issuer may certify" }
        },
    ]

    private static func firstName(
        _ certificate: TBSCertificate, where isWrong: (String) -> Bool
    ) throws(Unacceptable) -> String? {
        try certificate.dnsNames().first(where: isWrong)
    }

    private static func isLDH(_ label: Substring) -> Bool {
        let isPlain = label.utf8.allSatisfy {
            (0x61...0x7a).contains($0) || (0x41...0x5a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d
        }
        return isPlain && label.utf8.first != 0x2d && label.utf8.last != 0x2d
    }
}
