import DNS

extension IPAddress {
    /// Of this host, a private network, or documentation: nothing on the Internet is there (IANA's special-purpose registries).
    var isSpecial: Bool {
        switch family {
        case .v4:
            let blocks: [(UInt32, Int)] = [
                (0, 8), (0x0A00_0000, 8), (0x6440_0000, 10), (0x7F00_0000, 8), (0xA9FE_0000, 16), (0xAC10_0000, 12),
                (0xC000_0000, 24),
                (0xC000_0200, 24), (0xC0A8_0000, 16), (0xC612_0000, 15), (0xC633_6400, 24), (0xCB00_7100, 24), (0xE000_0000, 3),
            ]
            let value = UInt32(truncatingIfNeeded: number)
            return blocks.contains { block, length in value >> (32 - UInt32(length)) == block >> (32 - UInt32(length)) }
        case .v6:
            // ::ffff:0:0/96 is an IPv4 address in disguise.
            if number >> 32 == 0xFFFF { return IPAddress(v4: UInt32(truncatingIfNeeded: number)).isSpecial }
            let first = UInt16(truncatingIfNeeded: number >> 112)
            return number <= 1 || first & 0xFE00 == 0xFC00 || first & 0xFFC0 == 0xFE80 || first & 0xFF00 == 0xFF00
                || number >> 96 == 0x2001_0DB8
        }
    }
}

/// An address as it is dialled and shown.
struct WebAddress: Sendable, Hashable {
    let text: String
    let isIPv6: Bool
    let isSpecial: Bool

    /// As text and facts, since Swift 6.3 breaks the frames of asynchronous functions that take an `IPAddress`, a number of 128 bits, among
    /// many arguments.
    init(_ address: IPAddress) { (text, isIPv6, isSpecial) = (address.description, address.family == .v6, address.isSpecial) }

    /// `192.0.2.1:80`, `[2001:db8::1]:80`
    func with(port: Int) -> String { isIPv6 ? "[\(text)]:\(port)" : "\(text):\(port)" }
}
