/// RFC 4648 section 5 without padding, as RFC 7515 section 2 and RFC 8555 section 6.1 want it.
public enum Base64URL {
    /// - Returns: `ceil(n * 4 / 3)` characters for n octets; the empty string for none.
    public static func encode(_ bytes: some Sequence<UInt8>) -> String { encode(Array(bytes)) }

    /// The same, of what is an array already.
    public static func encode(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: bytes.count / 3 * 4 + [0, 2, 3][bytes.count % 3]) { out in
            alphabet.withUnsafeBufferPointer { letters in
                var at = 0
                func put(_ value: UInt32) {
                    out[at] = letters[Int(value & 63)]
                    at += 1
                }
                let whole = bytes.count - bytes.count % 3
                for index in stride(from: 0, to: whole, by: 3) {
                    let bits = UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2])
                    put(bits >> 18)
                    put(bits >> 12)
                    put(bits >> 6)
                    put(bits)
                }
                switch bytes.count - whole {
                case 1:
                    put(UInt32(bytes[whole]) >> 2)
                    put(UInt32(bytes[whole]) << 4)
                case 2:
                    let bits = UInt32(bytes[whole]) << 8 | UInt32(bytes[whole + 1])
                    put(bits >> 10)
                    put(bits >> 4)
                    put(bits << 2)
                default: break
                }
                return at
            }
        }
    }

    /// Each octet string has exactly one accepted spelling.
    /// - Throws: `Malformed` for `=`, white space or any other character outside the alphabet, for a length of 1 modulo 4, and
    ///   for trailing bits that are not zero.
    public static func decode(_ text: some StringProtocol) throws(Malformed) -> [UInt8] {
        let decoded =
            text.utf8.withContiguousStorageIfAvailable { octets($0) } ?? Array(text.utf8).withUnsafeBufferPointer { octets($0) }
        return try decoded.get()
    }

    /// Whether all characters are of the alphabet and there is at least one: the syntax of nonces and tokens.
    static func isWord(_ text: String) -> Bool {
        !text.isEmpty && values.withUnsafeBufferPointer { values in text.utf8.allSatisfy { values[Int($0)] < 64 } }
    }

    private static func octets(_ text: UnsafeBufferPointer<UInt8>) -> Result<[UInt8], Malformed> {
        guard text.count % 4 != 1 else { return .failure(Malformed("base64url has an impossible length")) }
        // Values are below 64, so that any letter outside the alphabet shows in the bits above.
        var seen: UInt32 = 0
        var rest: UInt32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: text.count / 4 * 3 + 2) { out, count in
            values.withUnsafeBufferPointer { values in
                func value(_ index: Int) -> UInt32 {
                    let value = UInt32(values[Int(text[index])])
                    seen |= value
                    return value & 63
                }
                func put(_ bits: UInt32) {
                    out[count] = UInt8(truncatingIfNeeded: bits)
                    count += 1
                }
                let whole = text.count - text.count % 4
                for index in stride(from: 0, to: whole, by: 4) {
                    let bits = value(index) << 18 | value(index + 1) << 12 | value(index + 2) << 6 | value(index + 3)
                    put(bits >> 16)
                    put(bits >> 8)
                    put(bits)
                }
                switch text.count - whole {
                case 2:
                    let bits = value(whole) << 6 | value(whole + 1)
                    put(bits >> 4)
                    rest = bits & 15
                case 3:
                    let bits = value(whole) << 12 | value(whole + 1) << 6 | value(whole + 2)
                    put(bits >> 10)
                    put(bits >> 2)
                    rest = bits & 3
                default: break
                }
            }
        }
        guard seen < 64 else {
            return .failure(Malformed("base64url has a character outside its alphabet (padding is one, too)"))
        }
        guard rest == 0 else { return .failure(Malformed("base64url has trailing bits that are not zero")) }
        return .success(bytes)
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, letter) in alphabet.enumerated() { values[Int(letter)] = UInt8(value) }
        return values
    }()
}
