import ACME
import Foundation

/// An answer that was judged to be a success.
struct Answer: Sendable {
    let url: String
    let wire: WireAnswer

    /// The body as an ACME object.
    /// - Throws: `notACME`, naming the member that does not fit.
    func decode<Value: Decodable>(_ type: Value.Type) throws(ACMEClientError) -> Value {
        do { return try JSONDecoder.acme.decode(type, strictly: wire.body) } catch {
            throw .notACME(error.reason, status: wire.status, url: url)
        }
    }

    /// The URL of what was made (RFC 9110 section 10.2.2).
    /// - Throws: `insecureURL`; `notACME` if there is none.
    func location() throws(ACMEClientError) -> String {
        guard let location = wire.values("location").first else {
            throw .notACME("the Location header is missing", status: wire.status, url: url)
        }
        try requireHTTPS(location)
        return location
    }

    /// When to ask again, if the CA says so.
    func retryAfter(now: Date) -> Date? { wire.values("retry-after").first.flatMap { retryTime($0, now: now) } }

    /// Targets of `Link` headers with this relation, in order, at most `limit`; relative ones made absolute (RFC 8288
    /// section 3.1), absolute ones byte for byte.
    func links(_ relation: String, limit: Int = 10) -> [String] {
        wire.values("link").prefix(50).flatMap(linkTargets).filter { $0.relation == relation }.prefix(limit).map { link in
            link.target.contains("://")
                ? link.target : URL(string: link.target, relativeTo: URL(string: url))?.absoluteString ?? link.target
        }
    }
}

/// Absolute, `https`, with a host and nothing that needs escaping. The string itself is used on, byte for byte, since
/// a JWS names it.
func requireHTTPS(_ url: String) throws(ACMEClientError) {
    let allowed = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?[]@!$&'()*+,;=%".utf8)
    guard url.utf8.count <= 2048, url.utf8.allSatisfy(allowed.contains), let parts = URLComponents(string: url),
        parts.scheme?.lowercased() == "https", parts.host?.isEmpty == false, parts.user == nil, parts.password == nil,
        parts.port.map({ (1...65535).contains($0) }) ?? true, URL(string: url) != nil
    else { throw .insecureURL(url) }
}

/// Retry-After (RFC 9110 section 10.2.3): seconds, or one of the three forms of an HTTP date. Nil if it is neither.
/// No time lies more than a year ahead.
func retryTime(_ value: String, now: Date) -> Date? {
    let value = value.trimmingCharacters(in: .whitespaces)
    let latest = now.addingTimeInterval(366 * 86_400)
    if !value.isEmpty, value.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
        return min(latest, now.addingTimeInterval(min(Double(value) ?? 0, 366 * 86_400)))
    }
    return httpDate(value).map { min(latest, $0) }
}

/// RFC 9110 section 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT` and its two obsolete forms.
func httpDate(_ text: String) -> Date? {
    guard text.utf8.count <= 40 else { return nil }
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    var words = text.split(whereSeparator: { " ,-:".contains($0) }).map(String.init)
    if words.count == 7, months.contains(words[1]) {  // asctime: Sun Nov  6 08:49:37 1994
        words = [words[0], words[2], words[1], words[6], words[3], words[4], words[5], "GMT"]
    }
    guard words.count == 8, words[7] == "GMT", let month = months.firstIndex(of: words[2]), let year = Int(words[3]) else {
        return nil
    }
    func two(_ word: String) -> String { word.count == 1 ? "0\(word)" : word }
    // Two digits mean the century that puts the date less than 50 years ahead; a wait of that kind is of this century.
    let full = words[3].count == 2 ? 2000 + year : year
    return try? RFC3339.date("\(full)-\(two(String(month + 1)))-\(two(words[1]))T\(words[4]):\(words[5]):\(words[6])Z")
}

/// One `Link` header (RFC 8288): `<https://ca.example/a>;rel="alternate", <…>;rel=up`. What does not fit is skipped.
func linkTargets(_ header: String) -> [(target: String, relation: String)] {
    var found: [(target: String, relation: String)] = []
    var rest = Substring(header.prefix(8192))
    while found.count < 100, let open = rest.firstIndex(of: "<"), let close = rest[open...].firstIndex(of: ">") {
        let target = String(rest[rest.index(after: open)..<close])
        rest = rest[rest.index(after: close)...]
        let parameters = rest.prefix { $0 != "<" }
        for parameter in parameters.split(whereSeparator: { $0 == ";" || $0 == "," }) {
            let pair = parameter.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            guard pair.count == 2, pair[0].lowercased() == "rel" else { continue }
            let names = pair[1].trimmingCharacters(in: CharacterSet(charactersIn: "\"")).split(separator: " ")
            found += names.map { (target, $0.lowercased()) }
        }
    }
    return found
}
