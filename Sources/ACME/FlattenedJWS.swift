import Crypto
import Foundation

/// A JWS inside a payload (RFC 7515 section 7.2.2), its parts still encoded: the external account binding.
public struct FlattenedJWS: Sendable, Hashable, Codable {
    /// base64url of the header.
    public var protected: String
    /// base64url.
    public var payload: String
    /// base64url.
    public var signature: String

    /// Unchecked.
    public init(protected: String, payload: String, signature: String) {
        (self.protected, self.payload, self.signature) = (protected, payload, signature)
    }

    /// The external account binding of RFC 8555 section 7.3.4, by HMAC-SHA256.
    /// - Parameters:
    ///   - keyIdentifier: from the server's operator, as is the MAC key, here decoded.
    ///   - account: the key that the new account is to have.
    ///   - url: newAccount's.
    public static func externalAccountBinding(keyIdentifier: String, key: [UInt8], account: JWK, url: String) -> FlattenedJWS {
        let header = #"{"alg":"HS256","kid":\#(JSON.quoted(keyIdentifier)),"url":\#(JSON.quoted(url))}"#
        let (protected, payload) = (Base64URL.encode(header.utf8), Base64URL.encode(account.canonical.utf8))
        let signed = Data("\(protected).\(payload)".utf8)
        let code = HMAC<SHA256>.authenticationCode(for: signed, using: SymmetricKey(data: key))
        return FlattenedJWS(protected: protected, payload: payload, signature: Base64URL.encode(code))
    }
}
