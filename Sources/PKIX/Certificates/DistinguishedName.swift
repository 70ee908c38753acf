internal import Foundation
internal import SwiftASN1

/// A Name (RFC 5280 section 4.1.2.4), compared byte for byte: an issuer is found by the bytes of its subject (BR 7.1.4.1).
package struct DistinguishedName: Sendable, Hashable, CustomStringConvertible {
    package struct Attribute: Sendable, Hashable {
        package let type: OID
        /// The identifier octet of the value, 0x0c for UTF8String.
        package let tag: UInt8
        package let value: [UInt8]
    }
    package let der: [UInt8]
    /// All attributes in order; the sets of a multi-valued RDN are run together.
    package let attributes: [Attribute]
    /// The number of RDNs.
    package let count: Int

    /// The name without RDNs.
    package static let empty = DistinguishedName(written: [])

    /// - Parameters: both 1 to 64 characters (RFC 5280 appendix A upper bounds); the linter refuses others.
    package init(commonName: String, organization: String? = nil) {
        let organization = organization.map { [(OID.organization, $0)] } ?? []
        self.init(written: organization + [(OID.commonName, commonName)])
    }

    private init(written: [(OID, String)]) {
        attributes = written.map { Attribute(type: $0, tag: 0x0c, value: Array($1.utf8)) }
        count = written.count
        der = DER.sequence(of: written.map { DER.set(DER.sequence($0.der, DER.utf8($1))) })
    }

    /// - Throws: `.malformed` for what is no Name, has more than 50 attributes, or a value of more than 1,000 octets.
    init(_ node: ASN1Node) throws(Unacceptable) {
        var fields = try DERFields(node, of: "a name")
        var attributes: [Attribute] = []
        var count = 0
        while let element = fields.any() {
            var set = try DERFields(element, .set, of: "an RDN")
            let before = attributes.count
            while let member = set.any() {
                var pair = try DERFields(member, of: "an attribute of a name")
                let type = try pair.oid("a type")
                let value = try pair.anyNext("a value")
                try pair.end()
                attributes.append(try Self.attribute(type, value))
                guard attributes.count <= 50 else { throw .malformed("a name has more than 50 attributes") }
            }
            guard attributes.count > before else { throw .malformed("an RDN is empty") }
            count += 1
        }
        (self.attributes, self.count, der) = (attributes, count, node.encoded)
    }

    private static func attribute(_ type: OID, _ value: ASN1Node) throws(Unacceptable) -> Attribute {
        guard value.encodedBytes.count <= 1000, let tag = value.encodedBytes.first else {
            throw .malformed("a value in a name is longer than 1000 octets")
        }
        guard case .primitive(let bytes) = value.content else { return Attribute(type: type, tag: tag, value: value.encoded) }
        return Attribute(type: type, tag: tag, value: Array(bytes))
    }

    package var isEmpty: Bool { count == 0 }

    /// The values of a type as text, nil for those in a form that is no text (or not decodable).
    func texts(of type: OID) -> [String?] { attributes.filter { $0.type == type }.map(\.text) }

    package var commonName: String? { texts(of: .commonName).compactMap { $0 }.last }

    /// For people: `O=…, CN=…`, unknown types by number, printable ASCII only.
    package var description: String {
        let short: [OID: String] = [.commonName: "CN", .organization: "O", .country: "C"]
        return printable(
            attributes.map { "\(short[$0.type] ?? $0.type.description)=\($0.text ?? "?")" }.joined(separator: ", "))
    }
}

extension DistinguishedName.Attribute {
    /// UTF8String, PrintableString, IA5String, TeletexString (as Latin-1) and BMPString; nil otherwise.
    var text: String? {
        switch tag {
        case 0x0c: String(validating: value, as: UTF8.self)
        case 0x13, 0x16, 0x12: value.allSatisfy { $0 < 0x80 } ? String(decoding: value, as: UTF8.self) : nil
        case 0x14: String(String.UnicodeScalarView(value.map { UnicodeScalar($0) }))
        case 0x1e: String(bytes: value, encoding: .utf16BigEndian)
        default: nil
        }
    }
}
