import Crypto
import CryptoExtras
import Foundation

/// A public key ready to verify with: parsed once, kept in its `JWK`.
enum VerificationKey: Sendable {
    case p256(P256.Signing.PublicKey)
    case p384(P384.Signing.PublicKey)
    case p521(P521.Signing.PublicKey)
    case rsa(_RSA.Signing.PublicKey)
    case ed25519(Curve25519.Signing.PublicKey)

    var algorithms: [SignatureAlgorithm] {
        switch self {
        case .p256: [.es256]
        case .p384: [.es384]
        case .p521: [.es512]
        case .rsa: [.rs256]
        case .ed25519: [.edDSA, .ed25519]
        }
    }

    /// - Parameter signature: ECDSA as r and s of fixed length (RFC 7518 section 3.4), never DER.
    func isValid(_ signature: [UInt8], over bytes: [UInt8]) -> Bool {
        switch self {
        case .p256(let key):
            guard signature.count == 64, let parsed = try? P256.Signing.ECDSASignature(rawRepresentation: signature) else {
                return false
            }
            return key.isValidSignature(parsed, for: bytes)
        case .p384(let key):
            guard signature.count == 96, let parsed = try? P384.Signing.ECDSASignature(rawRepresentation: signature) else {
                return false
            }
            return key.isValidSignature(parsed, for: bytes)
        case .p521(let key):
            guard signature.count == 132, let parsed = try? P521.Signing.ECDSASignature(rawRepresentation: signature) else {
                return false
            }
            return key.isValidSignature(parsed, for: bytes)
        case .rsa(let key):
            guard signature.count == (key.keySizeInBits + 7) / 8 else { return false }
            let parsed = _RSA.Signing.RSASignature(rawRepresentation: signature)
            return key.isValidSignature(parsed, for: SHA256.hash(data: bytes), padding: .insecurePKCS1v1_5)
        case .ed25519(let key):
            return signature.count == 64 && key.isValidSignature(signature, for: bytes)
        }
    }

    var subjectPublicKeyInfo: [UInt8] {
        switch self {
        case .p256(let key): Array(key.derRepresentation)
        case .p384(let key): Array(key.derRepresentation)
        case .p521(let key): Array(key.derRepresentation)
        case .rsa(let key): Array(key.derRepresentation)
        // RFC 8410 section 4: SEQUENCE { SEQUENCE { 1.3.101.112 }, BIT STRING }.
        case .ed25519(let key):
            [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00] + Array(key.rawRepresentation)
        }
    }

    /// The members of RFC 7638 section 3.2 (RFC 8037 section 2 for OKP), in order, without spaces.
    var canonical: String {
        switch self {
        case .p256(let key): Self.canonical("P-256", key.rawRepresentation)
        case .p384(let key): Self.canonical("P-384", key.rawRepresentation)
        case .p521(let key): Self.canonical("P-521", key.rawRepresentation)
        case .rsa(let key): Self.canonical(key)
        case .ed25519(let key): #"{"crv":"Ed25519","kty":"OKP","x":"\#(Base64URL.encode(key.rawRepresentation))"}"#
        }
    }

    private static func canonical(_ curve: String, _ point: Data) -> String {
        let half = point.count / 2
        let (x, y) = (Base64URL.encode(point.prefix(half)), Base64URL.encode(point.suffix(half)))
        return #"{"crv":"\#(curve)","kty":"EC","x":"\#(x)","y":"\#(y)"}"#
    }

    private static func canonical(_ key: _RSA.Signing.PublicKey) -> String {
        // Declared as throwing, but cannot: the key holds its numbers. Two keys must never share an empty answer.
        let numbers = try! key.getKeyPrimitives()
        let (e, n) = (numbers.publicExponent.drop { $0 == 0 }, numbers.modulus.drop { $0 == 0 })
        return #"{"e":"\#(Base64URL.encode(e))","kty":"RSA","n":"\#(Base64URL.encode(n))"}"#
    }
}
