internal import Foundation

/// Questions to the DNS. Every lookup is fresh (nothing is cached from one to the next), bounded in time, follows CNAMEs, and takes
/// the name as it stands: no search domain is ever appended. Truncated answers are asked again over TCP.
package final class Resolver: Sendable {
    private let unbound: Unbound
    private let patience: Duration

    /// - Parameters:
    ///   - servers: `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`, loopback included: resolvers, or authoritative servers of all zones
    ///     that will be asked for. Empty: the host's `/etc/resolv.conf` and `/etc/hosts`, as they are now.
    ///   - patience: upper bound of one lookup.
    ///   - anchors: DS or DNSKEY records in zone file syntax; then answers below them are checked, and what does not hold is `bogus`. The
    ///     servers must hand signatures on.
    package convenience init(
        servers: [String] = [], patience: Duration = .seconds(10), anchors: [String] = []
    ) throws(ResolverError) {
        var forwarders: [String] = []
        for server in servers { forwarders.append(try Self.forwarder(server)) }
        let system = forwarders.isEmpty
        if system { forwarders = Self.nameservers((try? String(contentsOfFile: "/etc/resolv.conf", encoding: .utf8)) ?? "") }
        try self.init(Unbound(.servers(forwarders, hosts: system && anchors.isEmpty, anchors: anchors)), patience)
    }

    /// Knows these records, in zone file syntax (`a.test. 60 IN A 192.0.2.1`), and asks nobody.
    package convenience init(records: [String]) throws(ResolverError) { try self.init(Unbound(.records(records)), .seconds(10)) }

    private init(_ unbound: Unbound, _ patience: Duration) {
        self.unbound = unbound
        self.patience = patience
    }

    /// The AAAA and A records, IPv6 first. One of the two questions may fail as long as the other brings an address.
    package func addresses(of name: String) async throws(LookupFailure) -> [IPAddress] {
        let answers = await ask(name, [.aaaa, .a])
        var found: [IPAddress] = []
        var failures: [LookupFailure] = []
        for answer in answers {
            switch answer {
            case .success(let records): found += records.compactMap(IPAddress.init(bytes:))
            case .failure(let failure): failures.append(failure)
            }
        }
        if !found.isEmpty { return found }
        let worst = failures.first { $0.kind != .noData }
        throw LookupFailure(
            worst?.kind ?? .noData, name: name, type: worst?.type ?? "AAAA or A",
            reason: worst?.reason ?? "the name has no address")
    }

    /// The TXT records, the strings of each joined (RFC 8555 section 8.4 needs that; at most 64 KiB in all).
    package func txt(_ name: String) async throws(LookupFailure) -> [[UInt8]] {
        try await ask(name, [.txt])[0].get().compactMap(Self.joined)
    }

    /// The CAA records at exactly this name; none where it has none or does not exist.
    package func caa(at name: String) async throws(LookupFailure) -> [CAAProperty] {
        do throws(LookupFailure) { return try await ask(name, [.caa])[0].get().map(CAAProperty.init(record:)) } catch {
            if error.kind == .noData || error.kind == .noSuchName { return [] }
            throw error
        }
    }

    /// The CAA records that hold for a name (RFC 8659 section 3), nil if there are none.
    package func caa(for name: String) async throws(LookupFailure) -> CAASet? {
        try await CAASet.relevant(to: name) { (name) async throws(LookupFailure) in try await caa(at: name) }
    }

    /// - Returns: as many as there are types, in their order.
    func ask(_ name: String, _ types: [RecordType]) async -> [Result<[[UInt8]], LookupFailure>] {
        // Backslash and NUL mean something to libunbound's parser and to C; no host name needs them.
        let plain = name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") }
        guard plain, !name.isEmpty, name.utf8.count <= 254 else {
            return types.map {
                .failure(LookupFailure(.noSuchName, name: name, type: $0.mnemonic, reason: "it is not a name the DNS can hold"))
            }
        }
        return await unbound.ask(name, types, within: patience)
    }

    /// A TXT record's character strings in one piece (RFC 1035 section 3.3.14); nil if the lengths do not add up.
    static func joined(_ record: [UInt8]) -> [UInt8]? {
        var (rest, text): (ArraySlice<UInt8>, [UInt8]) = (record[...], [])
        while let length = rest.popFirst() {
            guard rest.count >= Int(length) else { return nil }
            text += rest.prefix(Int(length))
            rest = rest.dropFirst(Int(length))
        }
        return text
    }

    /// The servers that a resolv.conf names, else the one on this host (resolv.conf(5)).
    static func nameservers(_ file: String) -> [String] {
        let named = file.split(whereSeparator: \.isNewline).compactMap { line -> String? in
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count >= 2, words[0] == "nameserver" else { return nil }
            // A link-local server has its interface behind it.
            let parts = words[1].split(separator: "%", omittingEmptySubsequences: false)
            let zone = parts.dropFirst().joined(separator: "%")
            guard let first = parts.first, IPAddress(first) != nil,
                zone.utf8.allSatisfy({ $0 > 0x20 && $0 != UInt8(ascii: "\"") })
            else {
                return nil
            }
            return String(words[1])
        }
        return named.isEmpty ? ["127.0.0.1"] : named
    }

    /// libunbound's way to write a server: `ADDRESS@PORT`.
    static func forwarder(_ text: String) throws(ResolverError) -> String {
        if IPAddress(text) != nil { return text }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            guard text.hasPrefix("["), text.hasSuffix("]"), let address = IPAddress(text.dropFirst().dropLast()) else {
                throw .notAServer(text)
            }
            return address.description
        }
        let host = text[..<colon]
        let bare = host.hasPrefix("[") && host.hasSuffix("]") ? host.dropFirst().dropLast() : host
        // Without brackets an IPv6 address swallows the port: `::1:53` is an address, dealt with above.
        guard let address = IPAddress(bare), (address.family == .v6) == host.hasPrefix("[") else { throw .notAServer(text) }
        return "\(address)@\(port)"
    }
}
