internal import SwiftASN1

package import struct Foundation.Date

/// A certificate read from bytes. Any key and signature algorithm can be looked at; only known ones can be verified.
package struct Certificate509: Sendable, Hashable {
    package let der: [UInt8]
    package let tbs: TBSCertificate
    /// The DER of the AlgorithmIdentifier outside the to-be-signed bytes.
    package let signatureAlgorithm: [UInt8]
    package let signature: [UInt8]
    /// The DNS names of the subjectAltName as written.
    package let dnsNames: [String]
    package let keyIdentifier: [UInt8]?
    package let authorityKeyIdentifier: [UInt8]?

    /// - Throws: `.malformed` for what is no certificate or exceeds 1 MiB, `.names` for names outside ASCII.
    package init(der: [UInt8]) throws(Unacceptable) {
        var fields = try DERFields(.parse(der, maximum: 1 << 20, "the certificate"), of: "the certificate")
        tbs = try TBSCertificate(fields.next(.sequence, "its to-be-signed part"))
        signatureAlgorithm = try fields.next(.sequence, "a signature algorithm").encoded
        signature = try fields.next(.bitString, "a signature").octetsOfBitString("the signature")
        try fields.end()
        dnsNames = try tbs.dnsNames()
        keyIdentifier = try tbs.extensionValue(.subjectKeyIdentifier)?.subjectKeyIdentifier()
        authorityKeyIdentifier = try tbs.extensionValue(.authorityKeyIdentifier)?.authorityKeyIdentifier().identifier
        self.der = der
    }

    /// The INTEGER's content octets, sign octet kept.
    package var serial: [UInt8] { tbs.serial }
    package var issuer: DistinguishedName { tbs.issuer }
    package var subject: DistinguishedName { tbs.subject }
    package var notBefore: Date { tbs.notBefore }
    /// The last second of the validity.
    package var notAfter: Date { tbs.notAfter }
    /// The DER of the SubjectPublicKeyInfo.
    package var publicKey: [UInt8] { tbs.publicKey }
    package func extensionValue(_ oid: OID) -> Extension? { tbs.extensionValue(oid) }
    package var isCA: Bool { (try? extensionValue(.basicConstraints)?.basicConstraints().isCA) ?? false }
    /// How many CA certificates may stand between this one and a leaf; nil: any number.
    package var pathLength: Int? { (try? extensionValue(.basicConstraints)?.basicConstraints().pathLength) ?? nil }
    package var pem: String { PEM.encode("CERTIFICATE", der) }

    /// The serial as people and openssl write it: upper-case hexadecimal, no sign octet.
    package var serialText: String { Self.text(of: serial) }
    package static func text(of serial: [UInt8]) -> String {
        let digits = serial.drop { $0 == 0 }
        let octets = digits.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }
        return octets.isEmpty ? "00" : octets.joined()
    }

    /// Whether `issuer` is a CA that is named as this certificate's issuer and whose key made the signature.
    /// Validity, path length and name constraints are not looked at.
    package func isSigned(by issuer: Certificate509) -> Bool {
        guard self.issuer == issuer.subject, issuer.isCA, signatureAlgorithm == tbs.signature,
            let scheme = SignatureScheme(algorithmIdentifier: signatureAlgorithm),
            let key = try? PublicKeyInfo(der: issuer.publicKey)
        else { return false }
        return key.verify(signature: signature, over: tbs.der, algorithm: scheme)
    }

    package static func == (left: Certificate509, right: Certificate509) -> Bool { left.der == right.der }
    package func hash(into hasher: inout Hasher) { hasher.combine(der) }

    /// SEQUENCE { to-be-signed, algorithm, BIT STRING }.
    static func assemble(_ toBeSigned: [UInt8], _ signature: [UInt8], _ scheme: SignatureScheme) -> [UInt8] {
        DER.sequence(toBeSigned, scheme.algorithmIdentifier, DER.bitString(signature))
    }
}

/// Who signs: a CA's certificate and the scheme of its key.
package struct IssuerDescription: Sendable {
    package let certificate: Certificate509
    package let publicKey: PublicKeyInfo
    package let keyIdentifier: [UInt8]
    package let scheme: SignatureScheme

    /// - Throws: `.key` if the certificate is no CA's, has no key identifier, or its key is not supported.
    package init(_ certificate: Certificate509) throws(Unacceptable) {
        guard certificate.isCA, let identifier = certificate.keyIdentifier else {
            throw .key("an issuer's certificate is no CA's")
        }
        self.certificate = certificate
        publicKey = try PublicKeyInfo(der: certificate.publicKey)
        keyIdentifier = identifier
        scheme = .preferred(for: publicKey.algorithm)
    }
    package var name: DistinguishedName { certificate.subject }

    /// The DNS subtrees in which this issuer may certify names; nil without constraints, empty for constraints that are not understood.
    package var permittedNames: [String]? {
        guard let constraints = certificate.extensionValue(.nameConstraints) else { return nil }
        return (try? constraints.permittedNames()) ?? []
    }
}
