/// Why bytes that came from outside are not taken: the closed error of this room.
package struct Unacceptable: Error, Equatable, CustomStringConvertible {
    /// What is wrong: the encoding, the public key, the names, or the signature.
    package enum Kind: Sendable { case malformed, key, names, signature }
    package let kind: Kind
    /// One sentence for the sender, printable ASCII only, without a final stop.
    package let reason: String

    package init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = printable(reason)
    }
    package var description: String { reason }

    static func malformed(_ reason: String) -> Unacceptable { Unacceptable(.malformed, reason) }
    static func key(_ reason: String) -> Unacceptable { Unacceptable(.key, reason) }
    static func names(_ reason: String) -> Unacceptable { Unacceptable(.names, reason) }
    static func signature(_ reason: String) -> Unacceptable { Unacceptable(.signature, reason) }
}

/// Foreign text made fit for logs and terminals: everything outside printable ASCII becomes `?`, at most 300 characters.
func printable(_ text: String) -> String {
    String(
        decoding: text.unicodeScalars.prefix(300).map { (0x20...0x7e).contains($0.value) ? UInt8($0.value) : 0x3f }, as: UTF8.self
    )
}
