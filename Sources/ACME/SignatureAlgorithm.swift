/// The values of a JWS's `alg` that are served (RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9864 section 2.2).
public enum SignatureAlgorithm: String, CaseIterable, Sendable {
    /// ECDSA on P-256 with SHA-256.
    case es256 = "ES256"
    /// ECDSA on P-384 with SHA-384.
    case es384 = "ES384"
    /// ECDSA on P-521 with SHA-512.
    case es512 = "ES512"
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    case rs256 = "RS256"
    /// Ed25519 under its first name.
    case edDSA = "EdDSA"
    /// Ed25519 under the name that RFC 9864 gave it.
    case ed25519 = "Ed25519"
}
