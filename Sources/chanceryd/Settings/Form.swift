import Foundation
import Logging
import Validation

/// A value that does not have its form. `wanted` completes the sentence "must be …".
struct BadValue: Error, Equatable {
    let wanted: String
    init(_ wanted: String) { self.wanted = wanted }
}

/// How a value is written by people: one reading, one spelling, and the words of the reference page.
struct Form<Value: Sendable>: Sendable {
    /// For the reference page, such as `duration`.
    let type: String
    /// The range in words, such as `1 to 65535`; empty where the type says it all.
    let range: String
    let read: @Sendable (String) throws(BadValue) -> Value
    let show: @Sendable (Value) -> String
}

extension Form where Value == String {
    /// One line of text without control characters.
    static func text(upTo limit: Int) -> Form {
        Form(type: "text", range: "1 to \(limit) characters") { (text) throws(BadValue) in
            let isPlain = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
            guard (1...limit).contains(text.count), isPlain else {
                throw BadValue("1 to \(limit) characters on one line, without control characters")
            }
            return text
        } show: {
            $0
        }
    }

    static let path = Form(type: "path", range: "relative to the data folder in the file, to the working folder elsewhere") {
        (text) throws(BadValue) in
        guard (1...4096).contains(text.utf8.count), !text.utf8.contains(0) else { throw BadValue("a path of 1 to 4096 bytes") }
        return text
    } show: {
        $0
    }

    static let name = Form(type: "name", range: "letters, digits, `.`, `-` and `_`") { (text) throws(BadValue) in
        let isName = text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || [0x2D, 0x2E, 0x5F].contains($0)
        }
        guard (1...128).contains(text.utf8.count), isName, !text.hasPrefix(".") else {
            throw BadValue("a name of letters, digits, '.', '-' and '_'")
        }
        return text
    } show: {
        $0
    }

    /// Scheme, host and port and nothing behind them; answered without a trailing slash and in lower case.
    static func origin(_ scheme: String) -> Form {
        let wanted = "\(scheme)://HOST or \(scheme)://HOST:PORT without a path, such as \(scheme)://ca.example.org"
        return Form(type: "URL", range: "`\(scheme)://HOST[:PORT]`") { (text) throws(BadValue) in
            guard text.utf8.count <= 300, let url = URLComponents(string: text), url.scheme?.lowercased() == scheme,
                url.user == nil,
                url.password == nil, url.query == nil, url.fragment == nil, url.path.isEmpty || url.path == "/",
                var host = url.host?.lowercased(), url.port.map({ (1...65535).contains($0) }) ?? true
            else { throw BadValue(wanted) }
            if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
            let address = IPAddressText(host)
            guard address != nil || isHostName(host) else { throw BadValue(wanted) }
            let shown = address?.family == .v6 ? "[\(host)]" : host
            return "\(scheme)://\(shown)" + (url.port.map { ":\($0)" } ?? "")
        } show: {
            $0
        }
    }

    static let link = Form(type: "URL", range: "`https://…` or `http://…`") { (text) throws(BadValue) in
        guard text.utf8.count <= 2000, let url = URLComponents(string: text),
            ["https", "http"].contains(url.scheme?.lowercased()),
            url.host?.isEmpty == false, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw BadValue("a whole URL, such as https://ca.example.org/terms") }
        return text
    } show: {
        $0
    }

    /// An address with an optional prefix length, behind which all bits are zero: whoever writes others means something else.
    static let network = Form(type: "CIDR", range: "an address or ADDRESS/BITS") { (text) throws(BadValue) in
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddressText(String(first)) else {
            throw BadValue("an address or network, such as 127.0.0.1, 10.0.0.0/8 or fd00::/8")
        }
        let most = address.family == .v4 ? 32 : 128
        switch parts.count {
        case 1: return "\(text)/\(most)"
        case 2:
            guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let bits = Int(parts[1]), bits <= most
            else {
                throw BadValue(
                    "a network whose prefix is 0 to \(most) bits, such as \(address.family == .v4 ? "10.0.0.0/8" : "fd00::/8")")
            }
            let base = address.bytes.enumerated().map { index, byte in byte & Self.mask(bits - index * 8) }
            guard base == address.bytes else {
                throw BadValue(
                    "\(address.family.text(base))/\(bits) for that network, or \(first)/\(most) for this address alone")
            }
            return text
        default: throw BadValue("an address or network, such as 10.0.0.0/8")
        }
    } show: {
        $0
    }

    /// Who speaks for others: never everybody.
    static let proxies = Form(type: "CIDR", range: "an address or ADDRESS/BITS, the bits behind them zero") {
        (text) throws(BadValue) in
        guard let range = try? AddressRange(text) else {
            throw BadValue(
                "an address or network, such as 127.0.0.1, 10.0.0.0/8 or fd00::/8, with the bits behind the length zero")
        }
        guard range.length > 0 else { throw BadValue("a network that is not everybody, such as 192.0.2.10 or 10.0.0.0/8") }
        return text
    } show: {
        $0
    }

    /// The first so many bits of an octet.
    private static func mask(_ bits: Int) -> UInt8 { bits >= 8 ? 0xFF : bits <= 0 ? 0 : ~(0xFF >> UInt8(bits)) }

    static let hostOrAddress = Form(type: "name or address", range: "") { (text) throws(BadValue) in
        guard IPAddressText(text) != nil || isHostName(text) else { throw BadValue("a host name or an IP address") }
        return text.lowercased()
    } show: {
        $0
    }

    static let domain = Form(type: "domain name", range: "") { (text) throws(BadValue) in
        guard isHostName(text) else { throw BadValue("a domain name, such as ca.example.org") }
        return text.lowercased()
    } show: {
        $0
    }

    /// `HOST` (port 53), `HOST:PORT` or `[IPV6]:PORT`; an address, since a resolver cannot be looked up by itself.
    static let resolver = Form(type: "HOST or HOST:PORT", range: "an address") { (text) throws(BadValue) in
        if IPAddressText(text) != nil { return text }
        let endpoint: Endpoint
        do { endpoint = try Endpoint(text) } catch {
            throw BadValue("a resolver's address, such as 192.0.2.53 or 127.0.0.1:5353")
        }
        guard IPAddressText(endpoint.host) != nil, endpoint.port > 0 else {
            throw BadValue("a resolver's address (not a name), such as 192.0.2.53 or 127.0.0.1:5353")
        }
        return text
    } show: {
        $0
    }
}

extension Form where Value == Endpoint {
    static let endpoint = Form(type: "HOST:PORT", range: "port 0 to 65535 (0: any free one); `*` for all addresses") {
        (text) throws(BadValue) in
        try Endpoint(text)
    } show: {
        $0.description
    }
}

extension Form where Value == Int {
    static func number(_ range: ClosedRange<Int>) -> Form {
        Form(type: "number", range: "\(range.lowerBound) to \(range.upperBound)") { (text) throws(BadValue) in
            guard let number = wholeNumber(text), range.contains(number) else {
                throw BadValue("a number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        } show: {
            String($0)
        }
    }

    /// Seconds, written as a number and a unit: `30s`, `5m`, `12h`, `45d`, `20y` (of 365 days).
    static func duration(_ range: ClosedRange<Int>) -> Form {
        let words = "\(spelled(seconds: range.lowerBound)) to \(spelled(seconds: range.upperBound))"
        return Form(type: "duration", range: words) { (text) throws(BadValue) in
            let wanted = BadValue("a duration from \(words), written as a number with s, m, h, d or y")
            guard let unit = durationUnits.first(where: { text.hasSuffix($0.name) }),
                let count = wholeNumber(String(text.dropLast()))
            else { throw wanted }
            let (seconds, overflow) = count.multipliedReportingOverflow(by: unit.seconds)
            guard !overflow, range.contains(seconds) else { throw wanted }
            return seconds
        } show: {
            spelled(seconds: $0)
        }
    }
}

extension Form where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    static var choice: Form {
        let all = Value.allCases.map(\.rawValue)
        return Form(type: "choice", range: all.map { "`\($0)`" }.joined(separator: ", ")) { (text) throws(BadValue) in
            guard let value = Value(rawValue: text) else { throw BadValue("one of \(all.joined(separator: ", "))") }
            return value
        } show: {
            $0.rawValue
        }
    }
}

private let durationUnits: [(name: String, seconds: Int)] = [("y", 31_536_000), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)]

/// In the largest unit that divides it: 3600 is `1h`, 90 is `90s`, 0 is `0s`.
func spelled(seconds: Int) -> String {
    guard seconds != 0, let unit = durationUnits.first(where: { seconds.isMultiple(of: $0.seconds) }) else {
        return "\(seconds)s"
    }
    return "\(seconds / unit.seconds)\(unit.name)"
}

/// Decimal digits only: no sign, no space, at most 12.
private func wholeNumber(_ text: String) -> Int? {
    guard (1...12).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int(text)
}
