/// A DNS name as a certificate may hold it (RFC 5280 section 7, RFC 8555 section 7.1.4): lower-case A-labels, perhaps after `*.`.
public struct DomainName: Sendable, Hashable, CustomStringConvertible {
    /// As it stands in a certificate: `*.xn--bcher-kva.example`.
    public let text: String

    /// Whether it begins with `*.`.
    public var isWildcard: Bool { text.utf8.first == UInt8(ascii: "*") }
    /// Without the `*.`.
    public var base: String { isWildcard ? String(text.dropFirst(2)) : text }
    /// The text.
    public var description: String { text }

    /// A name from the wire: ASCII, upper case folded, at most 253 octets. One label is enough.
    /// - Throws: `Malformed`, saying what is wrong and, where it helps, what to write instead: empty or overlong names and labels,
    ///   a final dot, anything but letters, digits and inner hyphens, `*` elsewhere than as the whole first label, reserved labels
    ///   (`??--`), `xn--` labels that IDNA 2008 does not know as valid and canonical, and what a resolver may take for an address
    ///   (a last label that is a decimal, octal or hexadecimal number).
    public init(_ text: String) throws(Malformed) {
        var name = Array(text.utf8.prefix(254))
        guard !name.isEmpty else { throw Malformed("a name cannot be empty") }
        guard name.count <= 253 else { throw Malformed("a name has at most 253 characters") }
        guard name.allSatisfy({ $0 < 0x80 }) else {
            throw Malformed("a name is written in ASCII; other scripts as A-labels (xn--…)")
        }
        for at in name.indices where (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(name[at]) { name[at] += 32 }
        guard name.last != UInt8(ascii: ".") else { throw Malformed("a name has no final dot") }
        var labels = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        if labels.first == [UInt8(ascii: "*")] { labels.removeFirst() }
        guard let last = labels.last else { throw Malformed("a name cannot be * alone") }
        for label in labels { try Self.check(label) }
        guard !Self.isNumber(last) else {
            throw Malformed("the last label is a number, so that the name can be taken for an IP address")
        }
        self.text = String(decoding: name, as: UTF8.self)
    }

    private static func check(_ label: ArraySlice<UInt8>) throws(Malformed) {
        guard let first = label.first, let last = label.last else { throw Malformed("a name has no empty label") }
        guard label.count <= 63 else { throw Malformed("a label has at most 63 characters") }
        for byte in label {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): continue
            case UInt8(ascii: "*"): throw Malformed("a wildcard is * alone as the first label")
            case UInt8(ascii: "_"): throw Malformed("a host's name has no underscore")
            default: throw Malformed("a label has letters, digits and hyphens only")
            }
        }
        let hyphen = UInt8(ascii: "-")
        guard first != hyphen, last != hyphen else { throw Malformed("a label neither begins nor ends with a hyphen") }
        guard label.dropFirst(2).starts(with: [hyphen, hyphen]) else { return }
        guard label.starts(with: "xn".utf8) else { throw Malformed("labels with hyphens in third and fourth place are reserved") }
        guard InternationalLabel.isValid(aLabel: String(decoding: label, as: UTF8.self)) else {
            throw Malformed("an xn-- label is not a valid A-label in canonical form (IDNA 2008)")
        }
    }

    /// The last label by which `inet_aton` and the URL standard tell addresses: `1`, `017`, `0x7f`, also `0x`.
    private static func isNumber(_ label: ArraySlice<UInt8>) -> Bool {
        func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        if label.allSatisfy(isDigit) { return true }
        return label.starts(with: "0x".utf8)
            && label.dropFirst(2).allSatisfy { isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) }
    }

    /// A name as a person types it: labels in any script are mapped (UTS 46, non-transitional) and become A-labels.
    /// - Throws: `Malformed`, as `init(_:)` does.
    public static func ascii(_ typed: String) throws(Malformed) -> DomainName {
        guard !typed.utf8.allSatisfy({ $0 < 0x80 }) else { return try DomainName(typed) }
        let isWildcard = typed.hasPrefix("*.")
        let base = isWildcard ? String(typed.dropFirst(2)) : typed
        guard let ascii = InternationalLabel.ascii(of: base) else {
            throw Malformed("a name has characters that no domain name may have (IDNA 2008), or too many")
        }
        return try DomainName(isWildcard ? "*." + ascii : ascii)
    }
}
