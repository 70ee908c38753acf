internal import DNS

/// One element of `Forwarded` (RFC 7239 section 4), read strictly: no white space within, every parameter at most once, each value a token or a
/// quoted string, and a `for` that is a node.
struct ForwardedElement {
    /// `nil` when there is no `for`, or it is `unknown` or an obfuscated name.
    let client: IPAddress?

    /// - Returns: `nil` when it is no element.
    init?(_ text: Substring) {
        var names: Set<String> = []
        var client: IPAddress?
        var rest = text[...]
        repeat {
            // `[ forwarded-pair ] *( ";" [ forwarded-pair ] )`: none between two semicolons is allowed.
            if rest.isEmpty || rest.first == ";" { continue }
            guard let pair = Self.pair(&rest), names.insert(pair.name).inserted else { return nil }
            if pair.name == "for" {
                client = IPAddress(node: pair.value[...], bareVersion6: false)
                guard client != nil || Self.isNameless(pair.value[...]) else { return nil }
            }
        } while Self.take(";", &rest)
        guard rest.isEmpty else { return nil }
        self.client = client
    }

    private static func take(_ character: Character, _ rest: inout Substring) -> Bool {
        guard rest.first == character else { return false }
        rest.removeFirst()
        return true
    }

    /// `token "=" ( token / quoted-string )`.
    private static func pair(_ rest: inout Substring) -> (name: String, value: String)? {
        let name = rest.prefix(while: \.isTokenCharacter)
        rest = rest[name.endIndex...]
        guard !name.isEmpty, take("=", &rest) else { return nil }
        if take("\"", &rest) {
            var value = ""
            while let character = rest.popFirst() {
                switch character {
                case "\"": return (name.lowercased(), value)
                case "\\":
                    guard let escaped = rest.popFirst() else { return nil }
                    value.append(escaped)
                default: value.append(character)
                }
            }
            return nil
        }
        let value = rest.prefix(while: \.isTokenCharacter)
        rest = rest[value.endIndex...]
        return value.isEmpty ? nil : (name.lowercased(), String(value))
    }

    /// `unknown` or `"_" 1*( ALPHA / DIGIT / "." / "_" / "-" )`, with a port or without (RFC 7239 section 6).
    private static func isNameless(_ node: Substring) -> Bool {
        var name = node
        if let colon = node.lastIndex(of: ":") {
            guard IPAddress.isPort(node[node.index(after: colon)...], obfuscated: true) else { return false }
            name = node[..<colon]
        }
        return name.lowercased() == "unknown" || IPAddress.isObfuscated(name)
    }
}

extension Character {
    /// RFC 9110 section 5.6.2.
    fileprivate var isTokenCharacter: Bool {
        guard let byte = asciiValue else { return false }
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: return true
        default: return "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}

extension IPAddress {
    /// A node of RFC 7239 section 6 that is an address: `192.0.2.1`, `192.0.2.1:443`, `[2001:db8::1]`, `[2001:db8::1]:443`.
    /// - Parameter bareVersion6: whether `2001:db8::1` without brackets is one too, as `X-Forwarded-For` has it.
    init?(node: Substring, bareVersion6: Bool) {
        guard node.utf8.count <= 64 else { return nil }
        if node.first == "[" {
            guard let end = node.firstIndex(of: "]"), let address = IPAddress(node[node.index(after: node.startIndex)..<end]),
                address.family == .v6
            else { return nil }
            let behind = node[node.index(after: end)...]
            guard behind.isEmpty || (behind.first == ":" && Self.isPort(behind.dropFirst(), obfuscated: !bareVersion6)) else {
                return nil
            }
            self = address.mapped
        } else if bareVersion6, let address = IPAddress(node) {
            self = address.mapped
        } else {
            let parts = node.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard let address = IPAddress(parts[0]), address.family == .v4,
                parts.count == 1 || Self.isPort(parts[1], obfuscated: !bareVersion6)
            else { return nil }
            self = address
        }
    }

    /// `::ffff:192.0.2.1` is 192.0.2.1, which is how a socket for both families shows it.
    var mapped: IPAddress {
        guard family == .v6, number >> 32 == 0xFFFF else { return self }
        return IPAddress(v4: UInt32(truncatingIfNeeded: number))
    }

    static func isPort(_ text: Substring, obfuscated: Bool) -> Bool {
        if obfuscated, isObfuscated(text) { return true }
        return (1...5).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    static func isObfuscated(_ text: Substring) -> Bool {
        text.first == "_" && (2...64).contains(text.utf8.count)
            && text.utf8.dropFirst().allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || [0x2D, 0x2E, 0x5F].contains($0)
            }
    }
}
