/// Textual encoding, RFC 7468 read strictly: nothing but white space between blocks, no headers, no foreign characters.
package enum PEM {
    package struct Block: Sendable, Equatable {
        /// For instance `CERTIFICATE`.
        package let label: String
        package let bytes: [UInt8]
        package init(label: String, bytes: [UInt8]) { (self.label, self.bytes) = (label, bytes) }
    }

    /// The blocks of a text in their order, at least one. One pass, linear in the text.
    /// - Parameters:
    ///   - maximum: bytes of text taken at most.
    ///   - allowingText: whether lines outside the blocks are skipped (`openssl x509 -text`) instead of refused.
    /// - Throws: `.malformed` for anything that strays from the form.
    package static func decode(
        _ text: String, maximum: Int = 1 << 20, allowingText: Bool = false
    ) throws(Unacceptable) -> [Block] {
        guard text.utf8.count <= maximum else { throw .malformed("the PEM text is longer than \(maximum) bytes") }
        var blocks: [Block] = []
        var open: (label: String, base64: [UInt8])?
        for line in text.utf8.split(separator: 0x0a, omittingEmptySubsequences: true) {
            let line = line.last == 0x0d ? line.dropLast() : line
            if let label = label(of: line, "-----BEGIN ") {
                guard open == nil else { throw .malformed("a PEM block begins inside another") }
                open = (label, [])
            } else if let label = label(of: line, "-----END ") {
                guard let block = open, block.label == label else { throw .malformed("a PEM block ends that never began") }
                blocks.append(Block(label: label, bytes: try base64(block.base64)))
                open = nil
            } else if open != nil {
                guard line.count <= 76 else { throw .malformed("a PEM line is longer than 76 characters") }
                open?.base64 += line
            } else if !allowingText, !line.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) {
                throw .malformed("there is text outside the PEM blocks")
            }
        }
        guard open == nil else { throw .malformed("a PEM block never ends") }
        guard !blocks.isEmpty else { throw .malformed("there is no PEM block") }
        return blocks
    }

    /// Lines of 64 columns ended by LF, the last one too.
    package static func encode(_ label: String, _ bytes: [UInt8]) -> String {
        var text = "-----BEGIN \(label)-----\n"
        for start in stride(from: 0, to: bytes.count, by: 48) {
            text += encodedLine(bytes[start..<min(start + 48, bytes.count)])
            text += "\n"
        }
        return text + "-----END \(label)-----\n"
    }

    private static func label(of line: Substring.UTF8View, _ prefix: String) -> String? {
        guard line.starts(with: prefix.utf8), line.reversed().starts(with: "-----".utf8), line.count >= prefix.utf8.count + 6
        else {
            return nil
        }
        let label = line.dropFirst(prefix.utf8.count).dropLast(5)
        let isPlain = label.allSatisfy { (0x41...0x5a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x20 }
        return isPlain ? String(decoding: label, as: UTF8.self) : nil
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xff, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    private static func encodedLine(_ bytes: ArraySlice<UInt8>) -> String {
        var text: [UInt8] = []
        var (buffer, bits): (UInt32, UInt32) = (0, 0)
        for byte in bytes {
            (buffer, bits) = (buffer << 8 | UInt32(byte), bits + 8)
            while bits >= 6 {
                bits -= 6
                text.append(alphabet[Int(buffer >> bits & 0x3f)])
            }
        }
        if bits > 0 { text.append(alphabet[Int(buffer << (6 - bits) & 0x3f)]) }
        while text.count % 4 != 0 { text.append(0x3d) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Base64 with its padding, canonical trailing bits, and no other character.
    private static func base64(_ text: [UInt8]) throws(Unacceptable) -> [UInt8] {
        let digits = text.prefix { $0 != 0x3d }
        let padding = text.count - digits.count
        guard !text.isEmpty, text.count % 4 == 0, padding <= 2, text.suffix(padding).allSatisfy({ $0 == 0x3d }) else {
            throw .malformed("a PEM block is not base64")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count * 3 / 4)
        var (buffer, bits): (UInt32, UInt32) = (0, 0)
        for digit in digits {
            let value = values[Int(digit)]
            guard value != 0xff else { throw .malformed("a PEM block is not base64") }
            (buffer, bits) = (buffer << 6 | UInt32(value), bits + 6)
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> bits))
            }
        }
        guard buffer & ((1 << bits) - 1) == 0 else { throw .malformed("a PEM block is not canonical base64") }
        return bytes
    }
}
