/// An object identifier, held as the content octets of its DER encoding.
package struct OID: Sendable, Hashable, ExpressibleByArrayLiteral, CustomStringConvertible {
    package let content: [UInt8]

    init(content: [UInt8]) { self.content = content }

    /// - Parameter elements: the arcs, for instance `[2, 5, 29, 17]`; at least two.
    package init(arrayLiteral elements: UInt...) {
        var content: [UInt8] = []
        let arcs = [elements[0] * 40 + elements[1]] + elements.dropFirst(2)
        for arc in arcs {
            var groups = [UInt8(arc & 0x7f)]
            var rest = arc >> 7
            while rest > 0 {
                groups.append(UInt8(rest & 0x7f) | 0x80)
                rest >>= 7
            }
            content += groups.reversed()
        }
        self.content = content
    }

    /// Dotted decimal; arcs too large for 63 bits print as `?`.
    package var description: String {
        var arcs: [String] = []
        var value: UInt = 0
        var tooLarge = false
        for octet in content {
            tooLarge = tooLarge || value >> 56 != 0
            value = tooLarge ? 0 : value << 7 | UInt(octet & 0x7f)
            guard octet & 0x80 == 0 else { continue }
            if tooLarge {
                arcs.append("?")
            } else if arcs.isEmpty {
                let first = min(value / 40, 2)
                arcs += ["\(first)", "\(value - first * 40)"]
            } else {
                arcs.append("\(value)")
            }
            (value, tooLarge) = (0, false)
        }
        return arcs.joined(separator: ".")
    }

    var der: [UInt8] { DER.element(0x06, content) }
}

extension OID {
    package static let commonName: OID = [2, 5, 4, 3]
    package static let country: OID = [2, 5, 4, 6]
    package static let organization: OID = [2, 5, 4, 10]

    package static let subjectKeyIdentifier: OID = [2, 5, 29, 14]
    package static let keyUsage: OID = [2, 5, 29, 15]
    package static let subjectAlternativeName: OID = [2, 5, 29, 17]
    package static let basicConstraints: OID = [2, 5, 29, 19]
    package static let crlNumber: OID = [2, 5, 29, 20]
    package static let reasonCode: OID = [2, 5, 29, 21]
    package static let nameConstraints: OID = [2, 5, 29, 30]
    package static let crlDistributionPoints: OID = [2, 5, 29, 31]
    package static let authorityKeyIdentifier: OID = [2, 5, 29, 35]
    package static let extendedKeyUsage: OID = [2, 5, 29, 37]
    package static let authorityInformationAccess: OID = [1, 3, 6, 1, 5, 5, 7, 1, 1]
    package static let acmeIdentifier: OID = [1, 3, 6, 1, 5, 5, 7, 1, 31]

    package static let caIssuers: OID = [1, 3, 6, 1, 5, 5, 7, 48, 2]
    package static let serverAuth: OID = [1, 3, 6, 1, 5, 5, 7, 3, 1]
    package static let clientAuth: OID = [1, 3, 6, 1, 5, 5, 7, 3, 2]
    package static let extensionRequest: OID = [1, 2, 840, 113549, 1, 9, 14]

    static let rsaEncryption: OID = [1, 2, 840, 113549, 1, 1, 1]
    static let ecPublicKey: OID = [1, 2, 840, 10045, 2, 1]
    static let p256: OID = [1, 2, 840, 10045, 3, 1, 7]
    static let p384: OID = [1, 3, 132, 0, 34]
    static let p521: OID = [1, 3, 132, 0, 35]
    static let ed25519: OID = [1, 3, 101, 112]
}
