internal import Glibc

/// An IPv4 or IPv6 address as a number. A zone (`fe80::1%eth0`) is no part of it.
package struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    package enum Family: Sendable { case v4, v6 }
    package let family: Family
    /// The address in host order; an IPv4 address in the low 32 bits.
    package let number: UInt128

    package init(v4 number: UInt32) { (family, self.number) = (.v4, UInt128(number)) }
    package init(v6 number: UInt128) { (family, self.number) = (.v6, number) }

    /// - Parameter bytes: network order, 4 or 16 octets; anything else is nil.
    package init?(bytes: some Collection<UInt8>) {
        let number = bytes.prefix(16).reduce(0 as UInt128) { $0 << 8 | UInt128($1) }
        switch bytes.count {
        case 4: (family, self.number) = (.v4, number)
        case 16: (family, self.number) = (.v6, number)
        default: return nil
        }
    }

    /// Four decimal numbers without leading zeros, or RFC 4291 section 2.2 without brackets. No octal, hexadecimal or short forms.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count <= 45, !text.utf8.contains(0) else { return nil }
        var octets = [UInt8](repeating: 0, count: 16)
        if text.withCString({ inet_pton(AF_INET, $0, &octets) }) == 1 {
            self.init(bytes: octets.prefix(4))
        } else if text.withCString({ inet_pton(AF_INET6, $0, &octets) }) == 1 {
            self.init(bytes: octets)
        } else {
            return nil
        }
    }

    /// Network order, 4 or 16 octets.
    package var bytes: [UInt8] {
        (0..<(family == .v4 ? 4 : 16)).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * UInt128($0))) }
    }

    /// RFC 5952 as far as `inet_ntop` writes it.
    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(family == .v4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count)) != nil else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
