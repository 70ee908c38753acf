internal import SwiftASN1

package import struct Foundation.Date

/// The members of a TBSCertificate (RFC 5280 section 4.1) read from bytes, ours or foreign. Unknown keys, algorithms and
/// extensions are kept as they are; what may be in them is judged elsewhere.
package struct TBSCertificate: Sendable {
    package let der: [UInt8]
    /// As written: 2 for version 3, 0 where the member is absent.
    package let version: Int
    /// The INTEGER's content octets, sign octet kept.
    package let serial: [UInt8]
    /// The DER of the AlgorithmIdentifier.
    package let signature: [UInt8]
    package let issuer: DistinguishedName
    package let notBefore: Date
    package let notAfter: Date
    package let subject: DistinguishedName
    /// The DER of the SubjectPublicKeyInfo.
    package let publicKey: [UInt8]
    package let extensions: [Extension]
    /// Whether issuerUniqueID or subjectUniqueID is there.
    let hasUniqueIdentifier: Bool
    /// The DER of the validity, for the form of its times.
    let validity: [UInt8]

    /// - Throws: `.malformed` for anything that is not this structure, larger than 1 MiB, or has an extension twice.
    package init(der: [UInt8]) throws(Unacceptable) {
        try self.init(.parse(der, maximum: 1 << 20, "the to-be-signed certificate"))
    }

    init(_ node: ASN1Node) throws(Unacceptable) {
        der = node.encoded
        var fields = try DERFields(node, of: "the certificate")
        if let tagged = fields.optional(.context(0)) {
            var inner = try DERFields(tagged, .context(0), of: "the version")
            version = try inner.next(.integer, "a number").count("the version")
            try inner.end()
        } else {
            version = 0
        }
        serial = try fields.next(.integer, "a serial number").integer("the serial number")
        guard serial.count <= 64 else { throw .malformed("the serial number is longer than 64 octets") }
        signature = try fields.next(.sequence, "a signature algorithm").encoded
        issuer = try DistinguishedName(fields.next(.sequence, "an issuer"))
        let validity = try fields.next(.sequence, "a validity")
        var times = try DERFields(validity, of: "the validity")
        notBefore = try times.anyNext("notBefore").time("notBefore")
        notAfter = try times.anyNext("notAfter").time("notAfter")
        try times.end()
        self.validity = validity.encoded
        subject = try DistinguishedName(fields.next(.sequence, "a subject"))
        publicKey = try fields.next(.sequence, "a public key").encoded
        let identifiers = [fields.optional(.context(1)), fields.optional(.context(2))]
        hasUniqueIdentifier = identifiers.contains { $0 != nil }
        if let tagged = fields.optional(.context(3)) {
            var inner = try DERFields(tagged, .context(3), of: "the extensions")
            extensions = try Extension.list(inner.anyNext("a list"))
            try inner.end()
        } else {
            extensions = []
        }
        try fields.end()
    }

    package func extensionValue(_ oid: OID) -> Extension? { extensions.first { $0.oid == oid } }

    /// The DNS names of the subjectAltName, as written; empty where there is none.
    package func dnsNames() throws(Unacceptable) -> [String] {
        guard let names = try extensionValue(.subjectAlternativeName)?.subjectAlternativeName() else { return [] }
        return names.compactMap { if case .dns(let name) = $0 { name } else { nil } }
    }

    /// The IP addresses of the subjectAltName, 4 or 16 octets each where the linter has passed them.
    package func addresses() throws(Unacceptable) -> [[UInt8]] {
        guard let names = try extensionValue(.subjectAlternativeName)?.subjectAlternativeName() else { return [] }
        return names.compactMap { if case .address(let bytes) = $0 { bytes } else { nil } }
    }
}
