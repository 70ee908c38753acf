public import struct Foundation.Date

/// What a server suggests about a certificate's renewal (RFC 9773 section 4.2).
public struct RenewalInfo: Sendable, Equatable, Codable {
    /// When to renew: at a random instant in it, at once if it has passed.
    public struct Window: Sendable, Equatable, Codable {
        /// May lie in the past.
        public var start: Date
        /// Later than `start`; a client treats anything else as no answer.
        public var end: Date

        /// Unchecked.
        public init(start: Date, end: Date) { (self.start, self.end) = (start, end) }
    }

    /// As of now; it may move.
    public var suggestedWindow: Window
    /// URL of a page that tells a person why the window is where it is.
    public var explanationURL: String?

    /// Unchecked.
    public init(suggestedWindow: Window, explanationURL: String? = nil) {
        (self.suggestedWindow, self.explanationURL) = (suggestedWindow, explanationURL)
    }
}

/// A certificate as RFC 9773 section 4.1 names it: by its issuer's key and its serial number.
public struct CertificateIdentifier: Sendable, Hashable, CustomStringConvertible {
    /// Contents of the Authority Key Identifier's `keyIdentifier`, 1 to 64 octets.
    public let keyIdentifier: [UInt8]
    /// Contents of the serial's DER INTEGER, big-endian, sign octet kept, 1 to 21 octets.
    public let serial: [UInt8]

    /// - Throws: `Malformed` for a length outside its range.
    public init(keyIdentifier: [UInt8], serial: [UInt8]) throws(Malformed) {
        guard (1...64).contains(keyIdentifier.count) else { throw Malformed("the key identifier is not 1 to 64 octets long") }
        guard (1...21).contains(serial.count) else { throw Malformed("the serial number is not 1 to 21 octets long") }
        (self.keyIdentifier, self.serial) = (keyIdentifier, serial)
    }

    /// - Parameter text: one path segment, such as `aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE`.
    /// - Throws: `Malformed` for anything but two parts of base64url with a dot between them; each identifier has one spelling.
    public init(_ text: some StringProtocol) throws(Malformed) {
        let parts = text.utf8.count > 120 ? [] : text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let first = parts.first, let last = parts.last else {
            throw Malformed("a certificate's identifier is two parts of base64url with a dot between them")
        }
        try self.init(keyIdentifier: Base64URL.decode(first), serial: Base64URL.decode(last))
    }

    /// As it stands in URLs and in an order's `replaces`.
    public var text: String { "\(Base64URL.encode(keyIdentifier)).\(Base64URL.encode(serial))" }
    /// The text.
    public var description: String { text }
}
