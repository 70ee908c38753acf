internal import DNS
internal import NIOHTTP1
package import Validation

/// Who may say on whose behalf a request or a connection comes, and in which words. Everybody else's words are not looked at.
package struct TrustedProxies: Sendable {
    /// The header field in which trusted proxies name their clients. Only the one that is chosen is read: a proxy that writes one of them
    /// lets the other through as the client sent it.
    package enum Field: Sendable { case none, forwarded, xForwardedFor }

    package var ranges: [AddressRange]
    package var field: Field
    /// Connections of trusted proxies begin with the PROXY protocol's header, version 1 or 2, before TLS.
    package var expectsProxyHeader: Bool

    package init(_ ranges: [AddressRange] = [], field: Field = .none, expectsProxyHeader: Bool = false) {
        (self.ranges, self.field, self.expectsProxyHeader) = (ranges, field, expectsProxyHeader)
    }

    func contains(_ address: IPAddress) -> Bool { ranges.contains { $0.contains(address) } }

    /// At most so many proxies in a row.
    private static let hops = 16

    /// Who asked, as far as it can be known: the list is read from its end, where the nearest proxy wrote, and the first address that is no
    /// trusted proxy is the client. What stands before it was sent by the client itself and is not even parsed. Where a trusted proxy does not
    /// tell (`unknown`, an obfuscated name, something that cannot be read), the proxy stands for its client.
    /// - Parameter peer: the other end of the connection, or whom the PROXY protocol named.
    func client(of headers: HTTPHeaders, from peer: IPAddress) -> IPAddress {
        guard field != .none, contains(peer) else { return peer }
        var list = BackwardList(headers[field == .forwarded ? "Forwarded" : "X-Forwarded-For"])
        var known = peer
        for _ in 0..<Self.hops {
            guard let element = list.next() else { return known }
            let node = field == .forwarded ? ForwardedElement(element)?.client : IPAddress(node: element, bareVersion6: true)
            guard let node else { return known }
            guard contains(node) else { return node }
            known = node
        }
        return known
    }
}

/// The elements of a comma-separated list that may hold quoted strings, from the last to the first. The end of a list that a proxy has added to
/// is well-formed whatever its beginning is, so that a client cannot hide itself behind a quotation mark.
struct BackwardList {
    private var lines: [String]
    private var rest: Substring?

    /// - Parameter lines: the values of the field's lines in their order.
    init(_ lines: [String]) {
        self.lines = lines
        rest = nil
    }

    /// - Returns: without white space at the ends; `nil` at the beginning of the list, and where quotation marks do not match. Empty elements
    ///   are passed over (RFC 9110 section 5.6.1.2).
    mutating func next() -> Substring? {
        while true {
            guard let text = rest ?? lines.popLast()?[...] else { return nil }
            guard let (element, before) = Self.split(text) else {
                (lines, rest) = ([], nil)
                return nil
            }
            rest = before
            let trimmed = element.withoutSpaceAround
            if !trimmed.isEmpty { return trimmed }
        }
    }

    private static func split(_ text: Substring) -> (element: Substring, before: Substring?)? {
        let bytes = text.utf8
        var isQuoted = false
        var place = bytes.endIndex
        while place > bytes.startIndex {
            place = bytes.index(before: place)
            switch bytes[place] {
            case UInt8(ascii: "\""):
                // Within a string going backwards: its begin, unless it is escaped.
                if isQuoted, bytes[..<place].reversed().prefix(while: { $0 == UInt8(ascii: "\\") }).count % 2 == 1 { continue }
                isQuoted.toggle()
            case UInt8(ascii: ",") where !isQuoted: return (text[bytes.index(after: place)...], text[..<place])
            default: break
            }
        }
        return isQuoted ? nil : (text, nil)
    }
}

extension Substring {
    /// RFC 9110 section 5.6.3.
    var withoutSpaceAround: Substring {
        var text = drop { $0 == " " || $0 == "\t" }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }
}
