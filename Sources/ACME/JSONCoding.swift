public import Foundation

extension JSONEncoder {
    /// Writes ACME's objects: times as RFC 3339 in whole seconds with `Z`, slashes plain. Shared: do not configure it.
    public static let acme: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(RFC3339.string(date))
        }
        return encoder
    }()
}

extension JSONDecoder {
    /// Reads ACME's objects: times as RFC 3339 with any offset or fraction. Shared: do not configure it.
    public static let acme: JSONDecoder = {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            let container = try decoder.singleValueContainer()
            do { return try RFC3339.date(container.decode(String.self)) } catch let error as Malformed {
                throw DecodingError.dataCorrupted(
                    .init(codingPath: container.codingPath, debugDescription: error.reason, underlyingError: error))
            }
        }
        return decoder
    }()

    /// Decodes what a stranger sent: first everything that `JSON.init(parsing:)` refuses is refused (duplicates above all,
    /// of which Foundation would take the first), then members are decoded, unknown ones ignored.
    /// - Throws: `Malformed`, naming the member by its path: `member identifiers.0.value is not of the type wanted`.
    public func decode<Value: Decodable>(_ type: Value.Type, strictly bytes: some Collection<UInt8>) throws(Malformed) -> Value {
        guard case .object = try JSON(parsing: bytes) else { throw Malformed("JSON is not an object") }
        do { return try decode(type, from: Data(bytes)) } catch { throw Malformed(decoding: error) }
    }
}

extension Malformed {
    fileprivate init(decoding error: any Error) {
        switch error {
        case DecodingError.typeMismatch(_, let context): self.init("\(Self.member(context.codingPath)) is not of the type wanted")
        case DecodingError.keyNotFound(let key, let context): self.init("\(Self.member(context.codingPath + [key])) is missing")
        case DecodingError.valueNotFound(_, let context): self.init("\(Self.member(context.codingPath)) is null")
        case DecodingError.dataCorrupted(let context):
            // Foundation's own descriptions quote the input.
            let reason = (context.underlyingError as? Malformed)?.reason ?? "is not of the values wanted"
            self.init("\(Self.member(context.codingPath)) \(reason)")
        case JWK.Refused.malformed(let reason), JWK.Refused.unsupported(let reason): self.init(reason)
        default: self.init("JSON does not fit")
        }
    }

    private static func member(_ path: [any CodingKey]) -> String {
        "member " + path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    }
}
