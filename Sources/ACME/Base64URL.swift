/// RFC 4648 section 5 without padding, as RFC 7515 section 2 and RFC 8555 section 6.1 want it.
public enum Base64URL {
    /// - Returns: `ceil(n * 4 / 3)` characters for n octets; the empty string for none.
    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        let bytes = Array(bytes)
        let length = bytes.count / 3 * 4 + [0, 2, 3][bytes.count % 3]
        return String(unsafeUninitializedCapacity: length) { out in
            alphabet.withUnsafeBufferPointer { letters in
                var bits: UInt32 = 0
                var held = 0
                var at = 0
                for byte in bytes {
                    bits = bits << 8 | UInt32(byte)
                    held += 8
                    while held >= 6 {
                        held -= 6
                        out[at] = letters[Int(bits >> UInt32(held) & 63)]
                        at += 1
                    }
                }
                if held > 0 {
                    out[at] = letters[Int(bits << UInt32(6 - held) & 63)]
                    at += 1
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
        var sound = true
        var rest: UInt32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: text.count / 4 * 3 + 2) { out, count in
            values.withUnsafeBufferPointer { values in
                var bits: UInt32 = 0
                var held: UInt32 = 0
                for letter in text {
                    let value = values[Int(letter)]
                    sound = sound && value < 64
                    bits = bits << 6 | UInt32(value & 63)
                    held += 6
                    if held >= 8 {
                        held -= 8
                        out[count] = UInt8(truncatingIfNeeded: bits >> held)
                        count += 1
                    }
                }
                rest = bits & (1 << held - 1)
            }
        }
        guard sound else { return .failure(Malformed("base64url has a character outside its alphabet (padding is one, too)")) }
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
