internal import SwiftASN1

package import struct Foundation.Date

/// A certificate revocation list, RFC 5280 section 5: version 2, complete, direct.
package struct RevocationList: Sendable {
    package struct Entry: Sendable, Hashable {
        /// Big-endian magnitude; leading zeros do not matter.
        package let serial: [UInt8]
        package let revokedAt: Date
        /// A CRLReason's number; nil and 0 are both written as no reason at all.
        package let reason: Int?
        package init(serial: [UInt8], revokedAt: Date, reason: Int?) {
            (self.serial, self.revokedAt, self.reason) = (serial, revokedAt, reason)
        }
    }
    package let tbs: [UInt8]
    package let issuer: DistinguishedName
    package let thisUpdate: Date
    package let nextUpdate: Date?
    package let number: Int64
    package let authorityKeyIdentifier: [UInt8]?
    package let entries: [Entry]
    let signatureAlgorithm: [UInt8]
    let signature: [UInt8]

    /// - Parameter der: a complete list of at most 64 MiB.
    /// - Throws: `.malformed`; also for a critical extension, which nothing here understands.
    package init(der: [UInt8]) throws(Unacceptable) {
        var outer = try DERFields(.parse(der, maximum: 1 << 26, "the revocation list"), of: "the revocation list")
        let tbs = try outer.next(.sequence, "its to-be-signed part")
        signatureAlgorithm = try outer.next(.sequence, "a signature algorithm").encoded
        signature = try outer.next(.bitString, "a signature").octetsOfBitString("the signature")
        try outer.end()

        var fields = try DERFields(tbs, of: "the revocation list")
        guard try fields.next(.integer, "a version").count("the version") == 1 else {
            throw .malformed("the list's version is not 2")
        }
        guard try fields.next(.sequence, "an algorithm").encoded == signatureAlgorithm else {
            throw .malformed("the list's two signature algorithms differ")
        }
        issuer = try DistinguishedName(fields.next(.sequence, "an issuer"))
        thisUpdate = try fields.anyNext("thisUpdate").time("thisUpdate")
        nextUpdate = try (fields.optional(.utcTime) ?? fields.optional(.generalizedTime))?.time("nextUpdate")
        entries = try Self.entries(fields.optional(.sequence))
        let extensions = try Self.extensions(fields.next(.context(0), "extensions"))
        try fields.end()
        guard let number = extensions.first(where: { $0.oid == .crlNumber }) else { throw .malformed("the list lacks a number") }
        self.number = Int64(try ASN1Node.parse(number.value, maximum: 32, "the list's number").count("the list's number"))
        let key = extensions.first { $0.oid == .authorityKeyIdentifier }
        authorityKeyIdentifier = try key?.authorityKeyIdentifier().identifier
        self.tbs = tbs.encoded
    }

    private static func extensions(_ tagged: ASN1Node) throws(Unacceptable) -> [Extension] {
        var inner = try DERFields(tagged, .context(0), of: "the list's extensions")
        let extensions = try Extension.list(inner.anyNext("a list"))
        try inner.end()
        guard !extensions.contains(where: \.isCritical) else { throw .malformed("the list has a critical extension") }
        return extensions
    }

    private static func entries(_ list: ASN1Node?) throws(Unacceptable) -> [Entry] {
        guard let list else { return [] }
        var fields = try DERFields(list, of: "revokedCertificates")
        var entries: [Entry] = []
        while let node = fields.any() {
            var entry = try DERFields(node, of: "an entry")
            let serial = try entry.next(.integer, "a serial number").integer("a serial number")
            let revokedAt = try entry.anyNext("a time").time("an entry's time")
            let extensions = try entry.optional(.sequence).map { (node) throws(Unacceptable) in try Extension.list(node) } ?? []
            try entry.end()
            entries.append(Entry(serial: serial, revokedAt: revokedAt, reason: try reason(extensions)))
        }
        guard !entries.isEmpty else { throw .malformed("revokedCertificates is empty") }
        return entries
    }

    private static func reason(_ extensions: [Extension]) throws(Unacceptable) -> Int? {
        guard let value = extensions.first(where: { $0.oid == .reasonCode })?.value else { return nil }
        guard value.count == 3, value[0] == 0x0a, value[1] == 1 else { throw .malformed("an entry's reason is no reason") }
        return Int(value[2])
    }

    /// Whether `issuer` is named and its key made the signature.
    package func isSigned(by issuer: Certificate509) -> Bool {
        guard self.issuer == issuer.subject, let scheme = SignatureScheme(algorithmIdentifier: signatureAlgorithm),
            let key = try? PublicKeyInfo(der: issuer.publicKey)
        else { return false }
        return key.verify(signature: signature, over: tbs, algorithm: scheme)
    }

    /// The entry for a certificate's serial, sign octet or not.
    package func entry(serial: [UInt8]) -> Entry? {
        let magnitude = serial.drop { $0 == 0 }
        return entries.first { $0.serial.drop { $0 == 0 } == magnitude }
    }
}
