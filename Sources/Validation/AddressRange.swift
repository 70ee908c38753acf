package import DNS

/// Addresses that share a prefix: `127.0.0.0/8`, `::1` (the whole address).
package struct AddressRange: Sendable, Hashable, CustomStringConvertible {
    package let base: IPAddress
    /// Bits that count, 0...32 or 0...128.
    package let length: Int

    /// - Parameter text: an address, or an address and a length; bits after the length have to be zero.
    package init(_ text: String) throws(NotARange) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let base = IPAddress(first) else { throw NotARange(text: text) }
        let width = base.family == .v4 ? 32 : 128
        let digits = parts.dropFirst().first ?? Substring("\(width)")
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(digits), (0...width).contains(length)
        else {
            throw NotARange(text: text)
        }
        (self.base, self.length) = (base, length)
        guard base.number & hostBits == 0 else { throw NotARange(text: text) }
    }

    private var hostBits: UInt128 {
        let free = (base.family == .v4 ? 32 : 128) - length
        return free == 128 ? .max : (1 << UInt128(free)) - 1
    }

    package func contains(_ address: IPAddress) -> Bool {
        address.family == base.family && address.number & ~hostBits == base.number
    }

    package var description: String { "\(base)/\(length)" }
}

/// A configured range that cannot be read.
package struct NotARange: Error, Sendable, Equatable, CustomStringConvertible {
    package let text: String
    package var description: String {
        "\(text.debugDescription) is no address range: write ADDRESS/LENGTH with the bits after LENGTH zero, as in 127.0.0.0/8 or fd00::/8"
    }
}
