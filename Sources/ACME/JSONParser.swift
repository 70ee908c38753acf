/// One pass over the bytes, recursion bounded by `deepest`.
struct JSONParser {
    static let deepest = 16

    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: some Collection<UInt8>) { self.bytes = Array(bytes) }

    mutating func whole() throws(Malformed) -> JSON {
        let value = try value(depth: 0)
        skipSpace()
        guard at == bytes.count else { throw Malformed("JSON is followed by other bytes") }
        return value
    }

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        at += 1
        return true
    }

    private mutating func value(depth: Int) throws(Malformed) -> JSON {
        skipSpace()
        guard let next else { throw Malformed("JSON ends too early") }
        switch next {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        default: throw Malformed("JSON has a byte where no value can begin")
        }
    }

    private mutating func word(_ spelling: StaticString, _ value: JSON) throws(Malformed) -> JSON {
        let end = at + spelling.utf8CodeUnitCount
        let fits = spelling.withUTF8Buffer { end <= bytes.count && bytes[at..<end].elementsEqual($0) }
        guard fits else { throw Malformed("JSON has a word that is not true, false or null") }
        at = end
        return value
    }

    private mutating func object(depth: Int) throws(Malformed) -> JSON {
        guard depth <= Self.deepest else { throw Malformed("JSON is nested too deep") }
        at += 1
        var members: [String: JSON] = [:]
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(members) }
        members.reserveCapacity(6)
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw Malformed("JSON has an object whose member has no name") }
            let name = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw Malformed("JSON has a member without a colon") }
            guard members.updateValue(try value(depth: depth), forKey: name) == nil else {
                throw Malformed("JSON has the same member twice")
            }
            skipSpace()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw Malformed("JSON has an object that does not end") }
        }
    }

    private mutating func array(depth: Int) throws(Malformed) -> JSON {
        guard depth <= Self.deepest else { throw Malformed("JSON is nested too deep") }
        at += 1
        var elements: [JSON] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            elements.append(try value(depth: depth))
            skipSpace()
            if take(UInt8(ascii: "]")) { return .array(elements) }
            guard take(UInt8(ascii: ",")) else { throw Malformed("JSON has an array that does not end") }
        }
    }

    /// RFC 8259 section 6: no leading zero, no plus, a digit on each side of the point.
    private mutating func number() throws(Malformed) -> String {
        let start = at
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try digits() }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    private mutating func digits() throws(Malformed) {
        let start = at
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { at += 1 }
        guard at > start else { throw Malformed("JSON has a number without digits") }
    }

    private mutating func string() throws(Malformed) -> String {
        at += 1
        let start = at
        var seen: UInt8 = 0
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
            seen |= byte
            at += 1
        }
        if take(UInt8(ascii: "\"")) {
            // Nearly all strings are plain ASCII, which needs no validation.
            return seen < 0x80 ? String(decoding: bytes[start..<(at - 1)], as: UTF8.self) : try text(bytes[start..<(at - 1)])
        }
        var unescaped = Array(bytes[start..<at])
        while let byte = next {
            at += 1
            switch byte {
            case UInt8(ascii: "\""): return try text(unescaped[...])
            case UInt8(ascii: "\\"): try escape(into: &unescaped)
            case 0..<0x20: throw Malformed("JSON has a raw control character in a string")
            default: unescaped.append(byte)
            }
        }
        throw Malformed("JSON has a string that does not end")
    }

    private func text(_ bytes: ArraySlice<UInt8>) throws(Malformed) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Malformed("JSON has a string that is not UTF-8") }
        return text
    }

    private mutating func escape(into out: inout [UInt8]) throws(Malformed) {
        guard let letter = next else { throw Malformed("JSON has a string that does not end") }
        at += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(letter)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0C)
        case UInt8(ascii: "n"): out.append(0x0A)
        case UInt8(ascii: "r"): out.append(0x0D)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "u"):
            let first = try codeUnit()
            var code = UInt32(first)
            if UTF16.isLeadSurrogate(first) {
                guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw Malformed("JSON has a lone surrogate") }
                let second = try codeUnit()
                guard UTF16.isTrailSurrogate(second) else { throw Malformed("JSON has a lone surrogate") }
                code = 0x10000 + (UInt32(first) & 0x3FF) << 10 + UInt32(second) & 0x3FF
            }
            guard let scalar = Unicode.Scalar(code) else { throw Malformed("JSON has a lone surrogate") }
            out.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        default: throw Malformed("JSON has an unknown escape")
        }
    }

    private mutating func codeUnit() throws(Malformed) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw Malformed("JSON has an escape without four hexadecimal digits")
            }
            unit = unit << 4 | UInt16(digit)
            at += 1
        }
        return unit
    }
}
