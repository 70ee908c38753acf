import Crypto
import Foundation

/// What proves that a token was met by an account's key (RFC 8555 section 8.1). Does not print.
public struct KeyAuthorization: Sendable {
    /// The body of http-01: token, dot, thumbprint.
    public let text: String

    /// - Parameters:
    ///   - token: one for which `isToken` holds.
    ///   - thumbprint: of the account's key, see `JWK.thumbprint`.
    public init(token: String, thumbprint: String) { text = "\(token).\(thumbprint)" }

    /// SHA-256 of the text: 32 octets, which tls-alpn-01's extension carries.
    public var digest: [UInt8] { Array(SHA256.hash(data: Data(text.utf8))) }

    /// The TXT record's value of dns-01: the digest in base64url, 43 characters.
    public var dnsValue: String { Base64URL.encode(digest) }
}

extension KeyAuthorization: CustomStringConvertible, CustomReflectable {
    /// The type's name.
    public var description: String { "KeyAuthorization" }
    /// Empty.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Whether a challenge's token is safe to put into a path or a file's name: 1 to 255 of `[A-Za-z0-9_-]`.
public func isToken(_ text: String) -> Bool { text.utf8.count <= 255 && Base64URL.isWord(text) }
