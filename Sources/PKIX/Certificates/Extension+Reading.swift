internal import SwiftASN1

/// What the extensions say, read back from their bytes; every reader is strict and throws `.malformed`.
extension Extension {
    private func root(_ what: String) throws(Unacceptable) -> ASN1Node {
        try .parse(value, maximum: 1 << 20, what)
    }

    func basicConstraints() throws(Unacceptable) -> (isCA: Bool, pathLength: Int?) {
        var fields = try DERFields(root("basicConstraints"), of: "basicConstraints")
        var isCA = false
        if let flag = fields.optional(.boolean) { isCA = try flag.boolean("cA") }
        var pathLength: Int?
        if let number = fields.optional(.integer) { pathLength = try number.count("pathLenConstraint") }
        try fields.end()
        return (isCA, pathLength)
    }

    func keyUsage() throws(Unacceptable) -> KeyUsage {
        let bytes = try root("keyUsage").primitive("keyUsage")
        guard try root("keyUsage").identifier == .bitString, (1...3).contains(bytes.count) else {
            throw .malformed("keyUsage is no bit string")
        }
        var usage: UInt16 = 0
        for (index, octet) in bytes.dropFirst().enumerated() {
            for bit in 0..<8 where octet & (0x80 >> UInt8(bit)) != 0 { usage |= 1 << UInt16(index * 8 + bit) }
        }
        return KeyUsage(rawValue: usage)
    }

    func extendedKeyUsage() throws(Unacceptable) -> [OID] {
        var fields = try DERFields(root("extendedKeyUsage"), of: "extendedKeyUsage")
        var purposes: [OID] = []
        while let purpose = fields.any() { purposes.append(try purpose.oid("a purpose")) }
        guard !purposes.isEmpty else { throw .malformed("extendedKeyUsage is empty") }
        return purposes
    }

    func subjectAlternativeName() throws(Unacceptable) -> [GeneralName] {
        var fields = try DERFields(root("subjectAltName"), of: "subjectAltName")
        var names: [GeneralName] = []
        while let node = fields.any() { names.append(try GeneralName(node)) }
        guard !names.isEmpty else { throw .malformed("subjectAltName is empty") }
        return names
    }

    func subjectKeyIdentifier() throws(Unacceptable) -> [UInt8] {
        let node = try root("subjectKeyIdentifier")
        guard node.identifier == .octetString else { throw .malformed("subjectKeyIdentifier is no octet string") }
        return try node.primitive("subjectKeyIdentifier")
    }

    /// `onlyKey`: whether there is nothing beside the key identifier.
    func authorityKeyIdentifier() throws(Unacceptable) -> (identifier: [UInt8]?, onlyKey: Bool) {
        var fields = try DERFields(root("authorityKeyIdentifier"), of: "authorityKeyIdentifier")
        let identifier = try fields.optional(.context(0))?.primitive("keyIdentifier")
        return (identifier, fields.any() == nil)
    }

    /// Pairs of access method and location.
    func accessDescriptions() throws(Unacceptable) -> [(method: OID, location: GeneralName)] {
        var fields = try DERFields(root("authorityInfoAccess"), of: "authorityInfoAccess")
        var found: [(OID, GeneralName)] = []
        while let node = fields.any() {
            var member = try DERFields(node, of: "an access description")
            found.append((try member.oid("a method"), try GeneralName(member.anyNext("a location"))))
            try member.end()
        }
        guard !found.isEmpty else { throw .malformed("authorityInfoAccess is empty") }
        return found
    }

    /// The full names of each distribution point; one with reasons, an own CRL issuer or a relative name throws.
    func distributionPoints() throws(Unacceptable) -> [[GeneralName]] {
        var fields = try DERFields(root("cRLDistributionPoints"), of: "cRLDistributionPoints")
        var points: [[GeneralName]] = []
        while let node = fields.any() {
            var point = try DERFields(node, of: "a distribution point")
            var name = try DERFields(point.next(.context(0), "a name"), .context(0), of: "a distribution point's name")
            try point.end()
            var full = try DERFields(name.next(.context(0), "a full name"), .context(0), of: "a full name")
            try name.end()
            var names: [GeneralName] = []
            while let member = full.any() { names.append(try GeneralName(member)) }
            points.append(names)
        }
        guard !points.isEmpty else { throw .malformed("cRLDistributionPoints is empty") }
        return points
    }

    /// The permitted DNS subtrees; constraints of any other shape throw, since nothing here writes or enforces them.
    func permittedNames() throws(Unacceptable) -> [String] {
        var fields = try DERFields(root("nameConstraints"), of: "nameConstraints")
        var permitted = try DERFields(fields.next(.context(0), "permitted subtrees"), .context(0), of: "permitted subtrees")
        try fields.end()
        var names: [String] = []
        while let node = permitted.any() {
            var subtree = try DERFields(node, of: "a subtree")
            guard case .dns(let name) = try GeneralName(subtree.anyNext("a base")) else {
                throw .malformed("a name constraint is no DNS name")
            }
            try subtree.end()
            names.append(name)
        }
        guard !names.isEmpty else { throw .malformed("nameConstraints is empty") }
        return names
    }
}

/// RFC 5280 section 4.2.1.6. Names that are no DNS name or URI are kept only as a text for people.
enum GeneralName: Hashable {
    case dns(String), uri(String), address([UInt8]), other(String)

    init(_ node: ASN1Node) throws(Unacceptable) {
        guard node.identifier.tagClass == .contextSpecific else { throw .malformed("a general name has the wrong type") }
        switch node.identifier.tagNumber {
        case 2: self = .dns(try Self.ascii(node, "a DNS name"))
        case 6: self = .uri(try Self.ascii(node, "a URI"))
        case 0: self = .other("other name")
        case 1: self = .other(printable("e-mail address \(try Self.ascii(node, "an e-mail address"))"))
        case 3: self = .other("X.400 address")
        case 4: self = .other("directory name")
        case 5: self = .other("EDI party name")
        case 7: self = .address(try node.primitive("an IP address"))
        case 8: self = .other("registered ID")
        default: throw .malformed("a general name has the wrong type")
        }
    }

    private static func ascii(_ node: ASN1Node, _ what: String) throws(Unacceptable) -> String {
        let bytes = try node.primitive(what)
        guard !bytes.isEmpty else { throw .names("\(what) is empty") }
        guard bytes.allSatisfy({ (0x20...0x7e).contains($0) }) else { throw .names("\(what) is not printable ASCII") }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension [UInt8] {
    /// The 4 or 16 octets of an IP address as people write them (RFC 5952 section 4).
    package var addressText: String {
        guard count == 16 else { return prefix(16).map(String.init).joined(separator: ".") }
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(self[$0]) << 8 | UInt16(self[$0 + 1]) }
        // The longest run of two zeros or more, the first of several.
        var (run, start) = (0..<0, 0)
        while start < 8 {
            let end = groups[start...].firstIndex { $0 != 0 } ?? 8
            if end - start > Swift.max(run.count, 1) { run = start..<end }
            start = end + 1
        }
        func text(_ part: ArraySlice<UInt16>) -> String { part.map { String($0, radix: 16) }.joined(separator: ":") }
        return run.isEmpty ? text(groups[...]) : text(groups[..<run.lowerBound]) + "::" + text(groups[run.upperBound...])
    }
}
