import Crypto
import Foundation

/// A public account key (RFC 7517): EC on P-256, P-384 or P-521, RSA of 2048 to 4096 bits, or Ed25519. Two are equal when their
/// thumbprints are.
public struct JWK: Sendable, Hashable {
    /// Why a key is not taken.
    public enum Refused: Error, Equatable {
        /// Not a JWK: a member missing, of the wrong type or length, or a private one there. ACME's `malformed`.
        case malformed(String)
        /// A JWK, but of no kind, curve, size or value that is served. ACME's `badPublicKey`.
        case unsupported(String)
    }

    /// The required members in RFC 7638's order without spaces: what is hashed, and fit to be stored.
    public let canonical: String
    /// SHA-256 of `canonical`, base64url: 43 characters.
    public let thumbprint: String
    private let key: VerificationKey

    /// Members that the key type does not use are ignored.
    public init(_ json: JSON) throws(Refused) {
        guard let members = json.object else { throw .malformed("jwk is not an object") }
        self.init(try VerificationKey(members))
    }

    /// - Parameter canonical: exactly what `canonical` gave; another spelling of the same key is refused.
    public init(canonical: String) throws(Refused) {
        let json: JSON
        do { json = try JSON(parsing: canonical.utf8) } catch { throw .malformed(error.reason) }
        try self.init(json)
        guard self.canonical == canonical else { throw .malformed("jwk is not in canonical form") }
    }

    init(_ key: VerificationKey) {
        self.key = key
        canonical = key.canonical
        thumbprint = Base64URL.encode(SHA256.hash(data: Data(canonical.utf8)))
    }

    /// Those that fit this key, the usual one first.
    public var algorithms: [SignatureAlgorithm] { key.algorithms }

    /// DER of SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), to compare with a certificate's key.
    public var subjectPublicKeyInfo: [UInt8] { key.subjectPublicKeyInfo }

    /// - Parameters:
    ///   - signature: as JWS carries it; for ECDSA r and s of the curve's length (RFC 7518 section 3.4).
    ///   - algorithm: one that does not fit the key makes the answer false.
    public func isValid(_ signature: [UInt8], over bytes: [UInt8], by algorithm: SignatureAlgorithm) -> Bool {
        key.algorithms.contains(algorithm) && key.isValid(signature, over: bytes)
    }

    /// Whether the thumbprints are equal.
    public static func == (one: JWK, other: JWK) -> Bool { one.thumbprint == other.thumbprint }

    /// By thumbprint.
    public func hash(into hasher: inout Hasher) { hasher.combine(thumbprint) }
}

extension JWK: Codable {
    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// - Throws: `Refused` as `init(_:)` does, or `DecodingError` when it is no object.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Name.self)
        var members: [String: JSON] = [:]
        for name in container.allKeys {
            // A member that is no string is good for nothing here, but must not go unseen: it may be a private one.
            members[name.stringValue] = (try? container.decode(String.self, forKey: name)).map(JSON.string) ?? .null
        }
        try self.init(.object(members))
    }

    /// Writes the required members only.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Name.self)
        for (name, value) in try JSON(parsing: canonical.utf8).object ?? [:] {
            try container.encode(value.string, forKey: Name(stringValue: name))
        }
    }
}
