/// A JSON text read strictly (RFC 8259, narrowed by RFC 7493): for bytes whose every part matters, such as a JWS.
public indirect enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    /// As it was spelled, since `1e400` fits no number type.
    case number(String)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    /// - Throws: `Malformed` unless the bytes are exactly one value in UTF-8 without byte order mark, nested at most 16 deep,
    ///   without duplicate members, lone surrogates, raw control characters, comments, trailing commas or trailing bytes.
    public init(parsing bytes: some Collection<UInt8>) throws(Malformed) {
        var parser = JSONParser(bytes)
        self = try parser.whole()
    }

    /// The text, if this is a string.
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The members, if this is an object.
    public var object: [String: JSON]? { if case .object(let value) = self { value } else { nil } }
    /// The elements, if this is an array.
    public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    /// The number, if this is one spelled as an integer that fits.
    public var int: Int? { if case .number(let value) = self { Int(value) } else { nil } }
    /// The truth value, if this is one.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The member of that name, if this is an object that has it.
    public subscript(name: String) -> JSON? { object?[name] }

    /// A string as JSON writes it, quotes included.
    static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\u{0}"..."\u{1F}":
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
