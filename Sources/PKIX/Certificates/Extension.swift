internal import SwiftASN1

/// An extension as it is written: value and nothing interpreted.
package struct Extension: Sendable, Hashable {
    package let oid: OID
    package let isCritical: Bool
    /// What the extnValue OCTET STRING holds, DER itself.
    package let value: [UInt8]

    package init(_ oid: OID, critical: Bool = false, value: [UInt8]) {
        (self.oid, isCritical, self.value) = (oid, critical, value)
    }

    var der: [UInt8] { DER.sequence(oid.der, isCritical ? DER.boolean(true) : [], DER.octetString(value)) }

    /// Extensions ::= SEQUENCE OF Extension: at least one, none twice.
    static func list(_ node: ASN1Node, maximum: Int = 64) throws(Unacceptable) -> [Extension] {
        var fields = try DERFields(node, of: "the extensions")
        var found: [Extension] = []
        var seen: Set<OID> = []
        while let element = fields.any() {
            var member = try DERFields(element, of: "an extension")
            let oid = try member.oid("an object identifier")
            var isCritical = false
            if let flag = member.optional(.boolean) {
                isCritical = try flag.boolean("criticality")
                guard isCritical else { throw .malformed("an extension writes out its default criticality") }
            }
            let value = try member.bytes(.octetString, "a value")
            try member.end()
            guard seen.insert(oid).inserted else { throw .malformed("extension \(oid) stands twice") }
            found.append(Extension(oid, critical: isCritical, value: value))
            guard found.count <= maximum else { throw .malformed("there are more than \(maximum) extensions") }
        }
        guard !found.isEmpty else { throw .malformed("the list of extensions is empty") }
        return found
    }
}

/// RFC 5280 section 4.2.1.3; bit n of the BIT STRING is `1 << n` here.
package struct KeyUsage: OptionSet, Sendable, Hashable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }
    package static let digitalSignature = KeyUsage(rawValue: 1 << 0)
    package static let keyEncipherment = KeyUsage(rawValue: 1 << 2)
    package static let keyCertSign = KeyUsage(rawValue: 1 << 5)
    package static let crlSign = KeyUsage(rawValue: 1 << 6)

    /// What a server's key may do: RSA also transports keys (BR 7.1.2.7.11).
    package static func server(_ algorithm: KeyAlgorithm) -> KeyUsage {
        if case .rsa = algorithm { [.digitalSignature, .keyEncipherment] } else { .digitalSignature }
    }
}

/// The extensions that an authority writes (RFC 5280 section 4.2), each with the criticality that its section asks for.
extension Extension {
    /// Leaf: the empty SEQUENCE, `3000`, for FALSE is the default.
    package static let notCA = Extension(.basicConstraints, critical: true, value: DER.sequence())
    package static func isCA(pathLength: UInt64?) -> Extension {
        Extension(
            .basicConstraints, critical: true,
            value: DER.sequence(DER.boolean(true), pathLength.map { DER.integer($0) } ?? []))
    }
    package static func keyUsage(_ usage: KeyUsage) -> Extension {
        let bits = (0..<16).filter { usage.rawValue >> $0 & 1 == 1 }
        let length = (bits.last ?? -1) + 1
        var octets = [UInt8](repeating: 0, count: (length + 7) / 8)
        for bit in bits { octets[bit / 8] |= 0x80 >> UInt8(bit % 8) }
        let value = DER.bitString(octets, unusedBits: UInt8(octets.count * 8 - length))
        return Extension(.keyUsage, critical: true, value: value)
    }
    package static func extendedKeyUsage(_ purposes: [OID]) -> Extension {
        Extension(.extendedKeyUsage, value: DER.sequence(of: purposes.map(\.der)))
    }
    /// - Parameter addresses: 4 or 16 octets each.
    package static func subjectAlternativeName(_ names: [String], addresses: [[UInt8]] = [], critical: Bool) -> Extension {
        let all = names.map { DER.primitive(2, Array($0.utf8)) } + addresses.map { DER.primitive(7, $0) }
        return Extension(.subjectAlternativeName, critical: critical, value: DER.sequence(of: all))
    }
    package static func subjectKeyIdentifier(_ identifier: [UInt8]) -> Extension {
        Extension(.subjectKeyIdentifier, value: DER.octetString(identifier))
    }
    package static func authorityKeyIdentifier(_ identifier: [UInt8]) -> Extension {
        Extension(.authorityKeyIdentifier, value: DER.sequence(DER.primitive(0, identifier)))
    }
    package static func issuerURL(_ url: String) -> Extension {
        let access = DER.sequence(OID.caIssuers.der, DER.primitive(6, Array(url.utf8)))
        return Extension(.authorityInformationAccess, value: DER.sequence(access))
    }
    package static func crlURL(_ url: String) -> Extension {
        let name = DER.constructed(0, DER.constructed(0, DER.primitive(6, Array(url.utf8))))
        return Extension(.crlDistributionPoints, value: DER.sequence(DER.sequence(name)))
    }
    /// - Parameter names: base domains without a leading dot; each permits itself and everything below it.
    package static func nameConstraints(permitted names: [String]) -> Extension {
        let subtrees = names.flatMap { DER.sequence(DER.primitive(2, Array($0.utf8))) }
        return Extension(.nameConstraints, critical: true, value: DER.sequence(DER.constructed(0, subtrees)))
    }
}
