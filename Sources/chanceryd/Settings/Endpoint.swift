import Foundation

/// Where a listener binds: `HOST:PORT`, `[IPV6]:PORT` or `*:PORT` for all addresses.
struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// An address without brackets, a name, or `*`.
    var host: String
    /// 0...65535; 0 lets the system choose.
    var port: Int

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    init(_ text: String) throws(BadValue) {
        let wanted = BadValue("HOST:PORT, such as 127.0.0.1:8443, [::1]:8443 or *:8443 for all addresses")
        guard let colon = text.lastIndex(of: ":") else { throw wanted }
        var host = String(text[..<colon])
        let digits = text[text.index(after: colon)...]
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = Int(digits), port <= 65535
        else { throw BadValue("HOST:PORT with a port from 0 to 65535") }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
            guard IPAddressText(host)?.family == .v6 else { throw wanted }
        } else if host.contains(":") {
            throw BadValue("HOST:PORT; an IPv6 address stands in brackets, such as [::1]:8443")
        } else if host != "*", IPAddressText(host) == nil, !isHostName(host) {
            throw wanted
        }
        self.init(host: host, port: port)
    }

    /// True for `*`, `0.0.0.0` and `::`.
    var isEveryAddress: Bool { ["*", "0.0.0.0", "::"].contains(host) }

    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// An IPv4 or IPv6 address as text, checked by the system's own parser (no octal, hexadecimal or short forms).
struct IPAddressText: Sendable, Hashable {
    enum Family: Sendable {
        case v4, v6

        /// As people write it.
        /// - Parameter bytes: 4 or 16, as the family wants.
        func text(_ bytes: [UInt8]) -> String {
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            guard inet_ntop(self == .v4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count)) != nil else { return "" }
            return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
    let text: String
    let family: Family
    let bytes: [UInt8]

    init?(_ text: String) {
        self.text = text
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            family = .v4
            bytes = withUnsafeBytes(of: &four) { Array($0) }
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            family = .v6
            bytes = withUnsafeBytes(of: &six) { Array($0) }
        } else {
            return nil
        }
    }
}

/// Letters, digits and inner hyphens in labels of 1 to 63, 253 in all; single labels too. The last label is not all digits.
func isHostName(_ text: String) -> Bool {
    guard (1...253).contains(text.utf8.count) else { return false }
    let labels = text.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
    let areFine = labels.allSatisfy { label in
        (1...63).contains(label.count) && label.first != 0x2D && label.last != 0x2D
            && label.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D
            }
    }
    return areFine && labels.last?.allSatisfy { (0x30...0x39).contains($0) } == false
}
