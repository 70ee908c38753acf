internal import DNS

/// A range that is not simply public: the IANA special-purpose registries (RFC 6890 and later), multicast and what is not assigned.
struct SpecialRange: Sendable {
    enum Standing: Sendable, Equatable {
        case permitted
        case refused
        /// IPv6 addresses that lead to an IPv4 address, which decides: its lowest bit's position, and whether it is stored inverted.
        case leadsTo([Embedded])
    }
    struct Embedded: Sendable, Equatable {
        let shift: UInt128
        var inverted = false
    }
    let range: AddressRange
    let standing: Standing
    /// Completes `the address is …`.
    let name: String

    /// Most specific first, so that the first hit decides.
    static let all: [SpecialRange] = rows.compactMap { text, standing, name in
        (try? AddressRange(text)).map { SpecialRange(range: $0, standing: standing, name: name) }
    }.sorted { $0.range.length > $1.range.length }

    static let rows: [(String, Standing, String)] = [
        ("10.0.0.0/8", .permitted, "private"),
        ("100.64.0.0/10", .permitted, "shared by a carrier"),
        ("172.16.0.0/12", .permitted, "private"),
        ("192.168.0.0/16", .permitted, "private"),

        ("0.0.0.0/8", .refused, "unspecified"),
        ("127.0.0.0/8", .refused, "loopback"),
        ("169.254.0.0/16", .refused, "link-local, where cloud metadata lives"),
        ("192.0.0.0/24", .refused, "reserved for protocol assignments"),
        ("192.0.2.0/24", .refused, "reserved for documentation"),
        ("192.31.196.0/24", .refused, "reserved for AS112"),
        ("192.52.193.0/24", .refused, "reserved for multicast tunnelling (AMT)"),
        ("192.88.99.0/24", .refused, "reserved (former 6to4 relays)"),
        ("192.175.48.0/24", .refused, "reserved for AS112"),
        ("198.18.0.0/15", .refused, "reserved for benchmarks"),
        ("198.51.100.0/24", .refused, "reserved for documentation"),
        ("203.0.113.0/24", .refused, "reserved for documentation"),
        ("224.0.0.0/4", .refused, "multicast"),
        ("240.0.0.0/4", .refused, "reserved"),
        ("255.255.255.255/32", .refused, "broadcast"),

        ("2000::/3", .permitted, "public"),
        ("fc00::/7", .permitted, "private (unique local)"),
        ("::/0", .refused, "not assigned to anything public"),

        ("::/128", .refused, "unspecified"),
        ("::1/128", .refused, "loopback"),
        ("::/96", .leadsTo([Embedded(shift: 0)]), "IPv4-compatible"),
        ("::ffff:0:0/96", .leadsTo([Embedded(shift: 0)]), "IPv4-mapped"),
        ("::ffff:0:0:0/96", .leadsTo([Embedded(shift: 0)]), "IPv4-translated"),
        ("64:ff9b::/96", .leadsTo([Embedded(shift: 0)]), "NAT64"),
        ("64:ff9b:1::/48", .refused, "NAT64 of a local network"),
        ("100::/64", .refused, "reserved for discarding"),
        ("100:0:0:1::/64", .refused, "a dummy prefix"),
        ("2001::/23", .refused, "reserved for protocol assignments"),
        ("2001::/32", .leadsTo([Embedded(shift: 64), Embedded(shift: 0, inverted: true)]), "Teredo"),
        ("2001:2::/48", .refused, "reserved for benchmarks"),
        ("2001:db8::/32", .refused, "reserved for documentation"),
        ("2002::/16", .leadsTo([Embedded(shift: 80)]), "6to4"),
        ("2620:4f:8000::/48", .refused, "reserved for AS112"),
        ("3fff::/20", .refused, "reserved for documentation"),
        ("5f00::/16", .refused, "reserved for segment routing"),
        ("fe80::/10", .refused, "link-local"),
        ("fec0::/10", .refused, "site-local"),
        ("ff00::/8", .refused, "multicast"),
    ]
}
