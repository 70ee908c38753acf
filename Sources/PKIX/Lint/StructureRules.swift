extension Linter {
    /// The outer form: version, serial, algorithm, canonical bytes, known extensions.
    static let structureRules: [LintRule] = [
        LintRule("version-3", "RFC 5280 4.1.2.1") { certificate, _ in certificate.version == 2 ? nil : "the version is not 3" },
        LintRule("serial-positive", "RFC 5280 4.1.2.2") { certificate, _ in
            let isPositive = certificate.serial.first.map { $0 & 0x80 == 0 } == true && certificate.serial.contains { $0 != 0 }
            return isPositive ? nil : "the serial number is not positive"
        },
        LintRule("serial-at-most-20-octets", "RFC 5280 4.1.2.2") { certificate, _ in
            certificate.serial.count <= 20 ? nil : "the serial number has \(certificate.serial.count) octets"
        },
        LintRule("serial-at-least-64-bits", "BR 7.1") { certificate, _ in
            certificate.serial.count > 8 ? nil : "the serial number is too short to hold 64 random bits"
        },
        LintRule("signature-algorithm", "RFC 5280 4.1.2.3, BR 7.1.3.2") { certificate, context in
            certificate.signature == context.scheme.algorithmIdentifier ? nil : "the signature algorithm is not the issuer's"
        },
        LintRule("no-unique-identifiers", "RFC 5280 4.1.2.8") { certificate, _ in
            certificate.hasUniqueIdentifier ? "there is a unique identifier" : nil
        },
        LintRule("known-extensions", "the profiles of this authority") { certificate, context in
            let foreign = certificate.extensions.first { !allowed(context.kind).contains($0.oid) }
            return foreign.map { "extension \($0.oid) belongs to no profile" }
        },
        LintRule("canonical", "RFC 5280 4.1, X.690 11") { certificate, _ in
            rewritten(certificate) == certificate.der ? nil : "the bytes are not what writing their meaning again gives"
        },
    ]

    private static func allowed(_ kind: CertificateKind) -> Set<OID> {
        let all: Set<OID> = [.basicConstraints, .keyUsage, .subjectKeyIdentifier, .authorityKeyIdentifier]
        return switch kind {
        case .root: all
        case .intermediate:
            all.union([.extendedKeyUsage, .nameConstraints, .authorityInformationAccess, .crlDistributionPoints])
        case .leaf:
            all.union([.extendedKeyUsage, .subjectAlternativeName, .authorityInformationAccess, .crlDistributionPoints])
        }
    }

    private static func rewritten(_ certificate: TBSCertificate) -> [UInt8] {
        DER.sequence(
            DER.constructed(0, DER.integer(UInt64(certificate.version))), DER.integer(certificate.serial), certificate.signature,
            certificate.issuer.der, DER.sequence(DER.time(certificate.notBefore), DER.time(certificate.notAfter)),
            certificate.subject.der, certificate.publicKey,
            certificate.extensions.isEmpty ? [] : DER.constructed(3, DER.sequence(of: certificate.extensions.map(\.der))))
    }
}
