import Crypto
import CryptoExtras
import Foundation

extension VerificationKey {
    /// Reads the members of a JWK (RFC 7518 section 6, RFC 8037 section 2).
    init(_ members: [String: JSON]) throws(JWK.Refused) {
        guard let type = members["kty"]?.string else { throw .malformed("jwk has no kty") }
        switch type {
        case "EC", "RSA", "OKP": break
        case "oct": throw .unsupported("a symmetric key cannot be an account key")
        default: throw .unsupported("keys of this kty are not served; EC, RSA and OKP are")
        }
        guard Self.secrets.isDisjoint(with: members.keys) else {
            throw .malformed("jwk holds a private key, which is to be kept secret")
        }
        switch type {
        case "EC": self = try Self.ellipticCurve(members)
        case "RSA": self = try Self.rsa(members)
        default: self = try Self.octetKeyPair(members)
        }
    }

    private static let secrets: Set<String> = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"]

    private static func ellipticCurve(_ members: [String: JSON]) throws(JWK.Refused) -> VerificationKey {
        guard let curve = members["crv"]?.string else { throw .malformed("jwk has no crv") }
        let length: Int
        switch curve {
        case "P-256": length = 32
        case "P-384": length = 48
        case "P-521": length = 66
        default: throw .unsupported("keys on this crv are not served; P-256, P-384 and P-521 are")
        }
        let (x, y) = (try octets("x", members), try octets("y", members))
        guard x.count == length, y.count == length else {
            throw .malformed("jwk has a coordinate that is not \(length) octets long")
        }
        do {
            switch length {
            case 32: return .p256(try P256.Signing.PublicKey(rawRepresentation: x + y))
            case 48: return .p384(try P384.Signing.PublicKey(rawRepresentation: x + y))
            default: return .p521(try P521.Signing.PublicKey(rawRepresentation: x + y))
            }
        } catch { throw .unsupported("the point of the key is not on \(curve)") }
    }

    private static func rsa(_ members: [String: JSON]) throws(JWK.Refused) -> VerificationKey {
        let (n, e) = (try octets("n", members), try octets("e", members))
        guard let first = n.first, let last = n.last, first != 0, let lowest = e.last, e.first != 0 else {
            throw .malformed("jwk has an n or e that is zero or begins with a zero octet")
        }
        let bits = n.count * 8 - first.leadingZeroBitCount
        guard (2048...4096).contains(bits) else { throw .unsupported("an RSA key has 2048 to 4096 bits; this one has \(bits)") }
        guard last & 1 == 1 else { throw .unsupported("the RSA modulus is even") }
        guard lowest & 1 == 1, e.count > 1 || lowest >= 3 else { throw .unsupported("the RSA exponent is even or less than 3") }
        guard e.count <= 4 else { throw .unsupported("the RSA exponent has more than 32 bits") }
        do { return .rsa(try _RSA.Signing.PublicKey(n: n, e: e)) } catch { throw .unsupported("the RSA key is not usable") }
    }

    private static func octetKeyPair(_ members: [String: JSON]) throws(JWK.Refused) -> VerificationKey {
        guard let curve = members["crv"]?.string else { throw .malformed("jwk has no crv") }
        guard curve == "Ed25519" else { throw .unsupported("keys on this crv are not served; Ed25519 is") }
        let x = try octets("x", members)
        guard x.count == 32 else { throw .malformed("jwk has an x that is not 32 octets long") }
        do { return .ed25519(try Curve25519.Signing.PublicKey(rawRepresentation: x)) } catch {
            throw .unsupported("the point of the key is not on Ed25519")
        }
    }

    private static func octets(_ name: String, _ members: [String: JSON]) throws(JWK.Refused) -> [UInt8] {
        guard let text = members[name]?.string else { throw .malformed("jwk has no \(name)") }
        do { return try Base64URL.decode(text) } catch { throw .malformed("jwk member \(name): \(error.reason)") }
    }
}
