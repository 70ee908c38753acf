internal import SwiftASN1

/// A certification request, RFC 2986, whose own signature is right and whose key passes `KeyCheck`. It is read for its
/// key and names; whatever else it wishes for is ignored, and the authority decides.
package struct CertificateRequest: Sendable {
    package let der: [UInt8]
    package let publicKey: PublicKeyInfo
    /// The dNSName entries of the subjectAltName, as written and in their order.
    package let dnsNames: [String]
    /// The subject's common names, as written.
    package let commonNames: [String]
    /// For people: subjectAltName entries that are no DNS names, for instance `IP address 192.0.2.1`.
    package let otherNames: [String]
    /// Whether basicConstraints with cA TRUE are among the wishes.
    package let asksForCA: Bool

    /// The longest request that is read, in bytes of DER.
    package static let maximumSize = 1 << 16

    /// - Throws: `.malformed` for what is not this structure (also an extension or attribute twice), `.key` for a key that
    ///   cannot be certified, `.names` for names that are no text, `.signature` for a wrong one or by SHA-1 or MD5.
    package init(der: [UInt8]) throws(Unacceptable) {
        var fields = try DERFields(.parse(der, maximum: Self.maximumSize, "the request"), of: "the request")
        let info = try fields.next(.sequence, "its information")
        let algorithm = try fields.next(.sequence, "a signature algorithm").encoded
        let signature = try fields.next(.bitString, "a signature").octetsOfBitString("the signature")
        try fields.end()

        var members = try DERFields(info, of: "the request's information")
        guard try members.next(.integer, "a version").count("the version") == 0 else {
            throw .malformed("the request's version is not 1")
        }
        let subject = try DistinguishedName(members.next(.sequence, "a subject"))
        let publicKey = try PublicKeyInfo(members.next(.sequence, "a public key"))
        let wishes = try Self.wishes(members.optional(.context(0)))
        try members.end()

        try KeyCheck.check(publicKey)
        guard let scheme = SignatureScheme(algorithmIdentifier: algorithm) else {
            throw .signature(
                "the signature algorithm is not supported: use ECDSA or RSA with SHA-256, SHA-384 or SHA-512, or Ed25519"
            )
        }
        guard publicKey.verify(signature: signature, over: info.encoded, algorithm: scheme) else {
            throw .signature("the request is not signed by its own key")
        }

        let alternatives = try wishes.first { $0.oid == .subjectAlternativeName }?.subjectAlternativeName() ?? []
        dnsNames = alternatives.compactMap { if case .dns(let name) = $0 { name } else { nil } }
        otherNames = alternatives.compactMap {
            switch $0 {
            case .dns: nil
            case .uri(let text): printable("URI \(text)")
            case .address(let bytes): "IP address \(bytes.addressText)"
            case .other(let text): text
            }
        }
        commonNames = try Self.commonNames(subject)
        asksForCA = try wishes.first { $0.oid == .basicConstraints }?.basicConstraints().isCA ?? false
        self.der = der
        self.publicKey = publicKey
    }

    private static func commonNames(_ subject: DistinguishedName) throws(Unacceptable) -> [String] {
        var names: [String] = []
        for text in subject.texts(of: .commonName) {
            guard let text else { throw .names("a common name is no text") }
            names.append(text)
        }
        return names
    }

    /// The requested extensions. Attributes stand once each, and an extension request has one value (RFC 2985 5.4.2).
    /// Strictly the set of attributes is always there, if empty; some programs leave it out, and it says nothing then.
    private static func wishes(_ set: ASN1Node?) throws(Unacceptable) -> [Extension] {
        guard let set else { return [] }
        var attributes = try DERFields(set, .context(0), of: "the attributes")
        var found: [Extension] = []
        var seen: Set<OID> = []
        while let node = attributes.any() {
            var attribute = try DERFields(node, of: "an attribute")
            let type = try attribute.oid("a type")
            var values = try DERFields(attribute.next(.set, "values"), .set, of: "an attribute's values")
            try attribute.end()
            guard seen.insert(type).inserted else { throw .malformed("attribute \(type) stands twice") }
            let value = try values.anyNext("a value")
            guard type == .extensionRequest else { continue }
            try values.end()
            found = try Extension.list(value)
        }
        return found
    }
}
