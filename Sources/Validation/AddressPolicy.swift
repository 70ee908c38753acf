package import DNS
internal import NIOCore

/// Which addresses this server may connect to because a stranger said so. Public and private ones (RFC 1918, 6598, 4193: where a
/// private CA's servers live); every other special range, and the server's own addresses, only when listed.
package struct AddressPolicy: Sendable {
    private let allowed: [AddressRange]
    private let own: [AddressRange]

    /// - Parameters:
    ///   - allowed: ranges that are permitted whatever they are.
    ///   - own: the addresses this server has or listens on.
    package init(allowed: [String] = [], own: [String] = []) throws(NotARange) {
        func ranges(_ texts: [String]) throws(NotARange) -> [AddressRange] {
            var ranges: [AddressRange] = []
            for text in texts { ranges.append(try AddressRange(text)) }
            return ranges
        }
        self.allowed = try ranges(allowed)
        self.own = try ranges(own)
    }

    /// What this host's interfaces have at the moment, fit for `own`.
    package static func addressesOfThisHost() -> [String] {
        // A link-local address has its interface behind it.
        ((try? System.enumerateDevices()) ?? []).compactMap { $0.address?.ipAddress.map { String($0.prefix { $0 != "%" }) } }
    }

    package func permits(_ address: IPAddress) -> Bool { refusal(of: address) == nil }

    /// Why an address may not be connected to; nil when it may.
    package func refusal(of address: IPAddress) -> AddressRefusal? {
        if allowed.contains(where: { $0.contains(address) }) { return nil }
        if own.contains(where: { $0.contains(address) }) {
            let width = address.family == .v4 ? 32 : 128
            return AddressRefusal(address: address, kind: "one of this server's own", remedy: "\(address)/\(width)")
        }
        guard let special = SpecialRange.all.first(where: { $0.range.contains(address) }) else { return nil }
        switch special.standing {
        case .permitted: return nil
        case .refused: return AddressRefusal(address: address, kind: special.name, remedy: special.range.description)
        case .leadsTo(let places):
            for place in places {
                let bits = UInt32(truncatingIfNeeded: address.number >> place.shift)
                let inner = IPAddress(v4: place.inverted ? ~bits : bits)
                if let refusal = refusal(of: inner) {
                    let kind = "\(special.name) and leads to \(inner), which is \(refusal.kind)"
                    return AddressRefusal(address: address, kind: kind, remedy: refusal.remedy)
                }
            }
            return nil
        }
    }
}

/// An address that may not be connected to.
package struct AddressRefusal: Sendable, Hashable, CustomStringConvertible {
    package let address: IPAddress
    /// Completes `the address is …`.
    package let kind: String
    /// The range that would permit it.
    package let remedy: String

    package var description: String {
        "address \(address) is \(kind), start chanceryd with --allow-address \(remedy) if that is meant"
    }
}
