import ACMEClient
import Foundation

#if canImport(Glibc)
    import CoreFoundation
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where a server shows its certificate.
struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// Numeric, v4 or v6.
    let address: String
    let port: Int
    /// What is asked for by SNI.
    let name: String
    let greeting: Greeting

    var description: String { "\(name) at \(address.contains(":") ? "[\(address)]" : address):\(port)" }

    /// `ADDRESS:PORT`, `[ADDRESS]:PORT` or `:PORT`, the last of which means every address of every name.
    /// - Returns: nil for an address, or part of it, that is not given.
    static func parse(_ text: String) throws(AgentError) -> (address: String?, port: Int) {
        func wrong() -> AgentError {
            .needsPerson("\(text.sanitized) is no place to verify: ADDRESS:PORT with a numeric address, or :PORT.")
        }
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (1...65535).contains(port)
        else {
            throw wrong()
        }
        var host = String(text[..<colon])
        if host.isEmpty { return (nil, port) }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard isNumeric(host) else { throw wrong() }
        return (host, port)
    }

    private static func isNumeric(_ host: String) -> Bool {
        var (four, six) = (in_addr(), in6_addr())
        return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1
    }

    /// Every address of a name, numeric; empty if there is none.
    static func addresses(of name: String) async -> [String] {
        await Task.detached {
            var hints = addrinfo()
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
            var found: UnsafeMutablePointer<addrinfo>?
            defer { if let found { freeaddrinfo(found) } }
            guard getaddrinfo(name, nil, &hints, &found) == 0 else { return [] }
            var (addresses, next) = ([String](), found)
            while let entry = next, addresses.count < 16 {
                var text = [CChar](repeating: 0, count: 256)
                if getnameinfo(entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, 256, nil, 0, NI_NUMERICHOST) == 0 {
                    let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                    if !addresses.contains(address) { addresses.append(address) }
                }
                next = entry.pointee.ai_next
            }
            return addresses
        }.value
    }
}
