package import Foundation

/// The name of a stored thing: 8 bytes of time (microseconds since 1970, big-endian), then 8 of chance, so that
/// what is made together lies together in every index, and what is made later lies behind.
/// In URLs and logs: 22 characters of base64url without padding.
package struct RecordID: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    package let time: UInt64
    package let random: UInt64

    package init(time: UInt64, random: UInt64) { (self.time, self.random) = (time, random) }

    /// Instants before 1970 count as 1970.
    package init(at date: Date, random: UInt64) {
        self.init(time: UInt64(max(0, date.microseconds)), random: random)
    }

    /// - Parameter bytes: 16 bytes; nil for any other count.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        let time = bytes.prefix(8).reduce(into: UInt64(0)) { $0 = $0 << 8 | UInt64($1) }
        let random = bytes.dropFirst(8).reduce(into: UInt64(0)) { $0 = $0 << 8 | UInt64($1) }
        self.init(time: time, random: random)
    }

    /// Takes only what `text` gives: any other spelling of the same bytes is nil.
    package init?(text: String) {
        guard text.utf8.count == 22 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(17)
        var bits: UInt32 = 0
        var count: UInt32 = 0
        for character in text.utf8 {
            guard let value = Self.value(of: character) else { return nil }
            bits = (bits << 6 | UInt32(value)) & 0xFFFF
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> count))
            }
        }
        guard bits & ((1 << count) - 1) == 0 else { return nil }
        self.init(bytes: bytes)
    }

    package var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            for index in 0..<8 {
                buffer[index] = UInt8(truncatingIfNeeded: time >> UInt64(56 - 8 * index))
                buffer[index + 8] = UInt8(truncatingIfNeeded: random >> UInt64(56 - 8 * index))
            }
            count = 16
        }
    }

    package var text: String {
        var characters: [UInt8] = []
        characters.reserveCapacity(22)
        var bits: UInt32 = 0
        var count: UInt32 = 0
        for byte in bytes {
            bits = (bits << 8 | UInt32(byte)) & 0xFFFF
            count += 8
            while count >= 6 {
                count -= 6
                characters.append(Self.alphabet[Int(bits >> count & 63)])
            }
        }
        characters.append(Self.alphabet[Int(bits << (6 - count) & 63)])
        return String(decoding: characters, as: UTF8.self)
    }

    package var description: String { text }
    package var date: Date { Date(microseconds: Int64(clamping: time)) }

    /// Below every identifier: a cursor before the first row.
    package static let first = RecordID(time: 0, random: 0)

    package static func < (one: RecordID, other: RecordID) -> Bool {
        (one.time, one.random) < (other.time, other.random)
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = RecordID(text: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a record's identifier")
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    private static func value(of character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}

extension Date {
    /// Since 1970, rounded; what lies outside 64 bits is clamped.
    package var microseconds: Int64 {
        let value = (timeIntervalSince1970 * 1_000_000).rounded()
        if let exact = Int64(exactly: value) { return exact }
        return value < 0 ? .min : .max
    }

    package init(microseconds: Int64) { self.init(timeIntervalSince1970: Double(microseconds) / 1_000_000) }
}
