internal import ACME
internal import DNS

/// A URL as http-01 may follow it: http or https, no user information, a name or a plain address, nothing a log or request line
/// could trip over.
struct WebTarget: Sendable, Hashable, CustomStringConvertible {
    enum Scheme: String, Sendable {
        case http, https
        var port: Int { self == .http ? 80 : 443 }
    }
    enum Host: Sendable, Hashable, CustomStringConvertible {
        case name(String)
        case address(IPAddress)
        var description: String {
            switch self {
            case .name(let name): name
            case .address(let address): address.family == .v4 ? "\(address)" : "[\(address)]"
            }
        }
    }
    /// Completes `the redirect …`.
    struct Unfit: Error, Equatable { let reason: String }

    let scheme: Scheme
    let host: Host
    let port: Int
    /// Path and query, beginning with `/`: RFC 9112 section 3.2.1.
    let path: String

    static let longest = 2048

    /// The Host header's value.
    var authority: String { port == scheme.port ? "\(host)" : "\(host):\(port)" }
    var description: String { "\(scheme.rawValue)://\(authority)\(path)" }

    /// Where a Location header leads from here (RFC 3986 section 5.2, RFC 9110 section 10.2.2). Ports are for the caller to judge.
    func following(_ location: String) throws(Unfit) -> WebTarget {
        guard location.utf8.count <= Self.longest else { throw Unfit(reason: "is longer than \(Self.longest) bytes") }
        guard location.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw Unfit(reason: "holds characters that no URL has")
        }
        let text = location.prefix { $0 != "#" }
        if text.hasPrefix("//") { return try Self.parse(scheme, text.dropFirst(2)) }
        if let colon = text.firstIndex(where: { ":/?".contains($0) }), text[colon] == ":" {
            guard let scheme = Scheme(rawValue: text[..<colon].lowercased()) else {
                throw Unfit(reason: "has a scheme other than http and https")
            }
            let rest = text[text.index(after: colon)...]
            guard rest.hasPrefix("//") else { throw Unfit(reason: "names no host") }
            return try Self.parse(scheme, rest.dropFirst(2))
        }
        let base = path.prefix { $0 != "?" }
        let path: String
        if text.isEmpty {
            path = self.path
        } else if text.hasPrefix("/") {
            path = String(text)
        } else if text.hasPrefix("?") {
            path = String(base + text)
        } else {
            path = base[..<(base.lastIndex(of: "/") ?? base.startIndex)] + "/" + text
        }
        return WebTarget(scheme: scheme, host: host, port: port, path: Self.withoutDots(path))
    }

    /// - Parameter rest: all that follows `scheme://`.
    private static func parse(_ scheme: Scheme, _ rest: Substring) throws(Unfit) -> WebTarget {
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let path = rest[authority.endIndex...]
        guard !authority.contains("@") else { throw Unfit(reason: "holds user information") }
        let bracketed = authority.hasPrefix("[")
        guard
            let end = bracketed
                ? authority.firstIndex(of: "]").map(authority.index(after:)) : authority.firstIndex(of: ":") ?? authority.endIndex
        else { throw Unfit(reason: "has an unfinished address") }
        let after = authority[end...]
        guard after.isEmpty || after.hasPrefix(":") else { throw Unfit(reason: "has no readable host") }
        let digits = after.dropFirst()
        guard digits.isEmpty || digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw Unfit(reason: "has no readable port")
        }
        guard let port = digits.isEmpty ? scheme.port : Int(digits), (1...65535).contains(port) else {
            throw Unfit(reason: "has no readable port")
        }
        let whole = path.isEmpty || path.hasPrefix("?") ? "/" + path : String(path)
        return WebTarget(scheme: scheme, host: try host(authority[..<end], bracketed), port: port, path: withoutDots(whole))
    }

    private static func host(_ text: Substring, _ bracketed: Bool) throws(Unfit) -> Host {
        if bracketed {
            guard let address = IPAddress(text.dropFirst().dropLast()), address.family == .v6 else {
                throw Unfit(reason: "has no readable IPv6 address")
            }
            return .address(address)
        }
        if let address = IPAddress(text) {
            guard address.family == .v4 else { throw Unfit(reason: "has no readable host") }
            return .address(address)
        }
        do {
            let name = try DomainName(String(text.hasSuffix(".") ? text.dropLast() : text))
            guard !name.isWildcard else { throw Unfit(reason: "leads to a wildcard") }
            return .name(name.text)
        } catch let unfit as Unfit {
            throw unfit
        } catch {
            throw Unfit(reason: "leads to a host name that is none")
        }
    }

    /// RFC 3986 section 5.2.4.
    private static func withoutDots(_ path: String) -> String {
        let cut = path.firstIndex(of: "?") ?? path.endIndex
        var kept: [Substring] = []
        let segments = path[..<cut].split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        for (index, segment) in zip(segments.indices, segments) {
            let last = index == segments.endIndex - 1
            switch segment {
            case ".": if last { kept.append("") }
            case "..":
                _ = kept.popLast()
                if last { kept.append("") }
            default: kept.append(segment)
            }
        }
        return "/" + kept.joined(separator: "/") + path[cut...]
    }
}
