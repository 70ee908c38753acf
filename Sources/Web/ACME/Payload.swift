internal import ACME
internal import Foundation

/// The payload of a signed message, taken apart member by member. Unknown members are ignored, `null` counts as absent (RFC 8555 asks for
/// neither), a wrong type is an error that names the member. Strict JSON: what two parsers could read differently is refused.
struct Payload {
    private let members: [String: JSON]

    /// - Throws: `malformed`, for anything that is not one JSON object in UTF-8; empty is POST-as-GET and no object either.
    init(_ bytes: [UInt8]) throws(Problem) {
        guard !bytes.isEmpty else { throw .malformed("This resource takes a JSON object as payload, not a POST-as-GET.") }
        let json: JSON
        do { json = try JSON(parsing: bytes) } catch { throw .malformed("The payload is not JSON: \(error.reason)") }
        guard let members = json.object else { throw .malformed("The payload is not a JSON object.") }
        self.members = members
    }

    subscript(_ name: String) -> JSON? {
        guard let value = members[name], value != .null else { return nil }
        return value
    }

    func string(_ name: String) throws(Problem) -> String? {
        try value(name, "a string") { $0.string }
    }
    func int(_ name: String) throws(Problem) -> Int? {
        try value(name, "an integer") { $0.int }
    }
    func bool(_ name: String) throws(Problem) -> Bool? {
        try value(name, "true or false") { $0.bool }
    }
    func strings(_ name: String) throws(Problem) -> [String]? {
        try value(name, "an array of strings") { value in
            guard let array = value.array else { return nil }
            let strings = array.compactMap(\.string)
            return strings.count == array.count ? strings : nil
        }
    }
    /// An instant of RFC 3339.
    func date(_ name: String) throws(Problem) -> Date? {
        guard let text = try string(name) else { return nil }
        do { return try RFC3339.date(text) } catch { throw .malformed("\"\(name)\" is not a date of RFC 3339: \(error.reason)") }
    }
    /// base64url without padding.
    func bytes(_ name: String) throws(Problem) -> [UInt8]? {
        guard let text = try string(name) else { return nil }
        do { return try Base64URL.decode(text) } catch { throw .malformed("\"\(name)\" is not base64url: \(error.reason)") }
    }
    func identifiers(_ name: String) throws(Problem) -> [Identifier]? {
        try value(name, "an array of objects with the strings \"type\" and \"value\"") { value in
            guard let array = value.array else { return nil }
            let identifiers = array.compactMap { each -> Identifier? in
                guard let type = each["type"]?.string, let value = each["value"]?.string else { return nil }
                return Identifier(type: type, value: value)
            }
            return identifiers.count == array.count ? identifiers : nil
        }
    }

    private func value<Value>(_ name: String, _ wanted: String, _ read: (JSON) -> Value?) throws(Problem) -> Value? {
        guard let json = self[name] else { return nil }
        guard let value = read(json) else { throw .malformed("\"\(name)\" must be \(wanted).") }
        return value
    }
}

extension Problem {
    static func malformed(_ detail: String, _ status: Int = 400) -> Problem { Problem(.malformed, status, detail) }
}

extension NewAccount {
    /// An agreement that is anything but `true` is none.
    init(_ payload: Payload) throws(Problem) {
        self.init(
            contact: try payload.strings("contact"), termsOfServiceAgreed: payload["termsOfServiceAgreed"]?.bool,
            onlyReturnExisting: try payload.bool("onlyReturnExisting"))
    }
}

extension AccountUpdate {
    init(_ payload: Payload) throws(Problem) {
        self.init(status: try payload.string("status"), contact: try payload.strings("contact"))
    }
}

extension NewOrder {
    init(_ payload: Payload) throws(Problem) {
        guard let identifiers = try payload.identifiers("identifiers") else { throw .malformed("\"identifiers\" is missing.") }
        self.init(
            identifiers: identifiers, notBefore: try payload.date("notBefore"), notAfter: try payload.date("notAfter"),
            replaces: try payload.string("replaces"))
    }
}
