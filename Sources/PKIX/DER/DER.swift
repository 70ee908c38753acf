/// DER, written. Each function returns one whole element; nothing here can fail, so to-be-signed bytes are a pure
/// function of their description. (Reading is `DERFields`, on swift-asn1.)
package enum DER {
    package static func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(content.count + 6)
        bytes.append(tag)
        appendLength(content.count, to: &bytes)
        bytes += content
        return bytes
    }
    package static func sequence(_ parts: [UInt8]...) -> [UInt8] { element(0x30, of: parts) }
    package static func sequence(of parts: some Collection<[UInt8]>) -> [UInt8] { element(0x30, of: parts) }
    package static func set(_ parts: [UInt8]...) -> [UInt8] { element(0x31, of: parts) }

    private static func element(_ tag: UInt8, of parts: some Collection<[UInt8]>) -> [UInt8] {
        let length = parts.reduce(0) { $0 + $1.count }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(length + 6)
        bytes.append(tag)
        appendLength(length, to: &bytes)
        for part in parts { bytes += part }
        return bytes
    }
    package static func octetString(_ bytes: [UInt8]) -> [UInt8] { element(0x04, bytes) }
    package static func bitString(_ bytes: [UInt8], unusedBits: UInt8 = 0) -> [UInt8] { element(0x03, [unusedBits] + bytes) }
    package static func boolean(_ value: Bool) -> [UInt8] { element(0x01, [value ? 0xff : 0]) }
    package static func utf8(_ text: String) -> [UInt8] { element(0x0c, Array(text.utf8)) }
    package static let null: [UInt8] = [0x05, 0x00]

    /// A context-specific constructed element (EXPLICIT, or IMPLICIT over a SEQUENCE or SET); `number` is below 31.
    package static func constructed(_ number: UInt8, _ content: [UInt8]) -> [UInt8] { element(0xa0 | number, content) }
    /// A context-specific primitive element (IMPLICIT over a string); `number` is below 31.
    package static func primitive(_ number: UInt8, _ content: [UInt8]) -> [UInt8] { element(0x80 | number, content) }

    /// - Parameter magnitude: big-endian, unsigned, of any length; leading zeros are dropped, a sign octet is added where needed.
    package static func integer(_ magnitude: [UInt8]) -> [UInt8] {
        var digits = Array(magnitude.drop { $0 == 0 })
        if digits.first.map({ $0 & 0x80 != 0 }) ?? true { digits.insert(0, at: 0) }
        return element(0x02, digits)
    }
    package static func integer(_ value: UInt64) -> [UInt8] {
        integer((0..<8).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) })
    }

    static func appendLength(_ length: Int, to bytes: inout [UInt8]) {
        guard length > 0x7f else { return bytes.append(UInt8(length)) }
        let octets = (64 - length.leadingZeroBitCount + 7) / 8
        bytes.append(0x80 | UInt8(octets))
        for index in (0..<octets).reversed() { bytes.append(UInt8(truncatingIfNeeded: length >> (8 * index))) }
    }
}
