internal import Crypto
internal import CryptoExtras
internal import Foundation
internal import SwiftASN1

package enum KeyAlgorithm: Sendable, Hashable, CustomStringConvertible {
    case p256, p384, p521
    case rsa(bits: Int)
    case ed25519

    package var description: String {
        switch self {
        case .p256: "P-256"
        case .p384: "P-384"
        case .p521: "P-521"
        case .rsa(let bits): "RSA \(bits)"
        case .ed25519: "Ed25519"
        }
    }
}

/// A public key as a certificate holds it. Kept as the SubjectPublicKeyInfo that arrived, whose algorithm bytes are exactly
/// those of BR 7.1.3.1 / RFC 8410; whether the key is good enough to certify is `KeyCheck`'s business.
package struct PublicKeyInfo: Sendable, Hashable {
    /// The DER of the SubjectPublicKeyInfo.
    package let der: [UInt8]
    package let algorithm: KeyAlgorithm
    /// The octets of the subjectPublicKey BIT STRING.
    let key: [UInt8]

    /// - Throws: `.malformed` if it is no SubjectPublicKeyInfo, `.key` for a kind of key that is not supported or a value
    ///   that is no key of its kind (point off the curve, RSA modulus above 8192 bits).
    package init(der: [UInt8]) throws(Unacceptable) {
        try self.init(.parse(der, maximum: 1 << 13, "the public key"))
    }

    init(_ node: ASN1Node) throws(Unacceptable) {
        var fields = try DERFields(node, of: "the public key")
        let identifier = try fields.next(.sequence, "an algorithm").encoded
        key = try fields.next(.bitString, "its bits").octetsOfBitString("the public key")
        try fields.end()
        der = node.encoded
        algorithm = try Self.algorithm(identifier, key)
    }

    private static let rsa = DER.sequence(OID.rsaEncryption.der, DER.null)
    private static let curves: [[UInt8]: (KeyAlgorithm, Int)] = [
        DER.sequence(OID.ecPublicKey.der, OID.p256.der): (.p256, 32),
        DER.sequence(OID.ecPublicKey.der, OID.p384.der): (.p384, 48),
        DER.sequence(OID.ecPublicKey.der, OID.p521.der): (.p521, 66),
    ]

    private static func algorithm(_ identifier: [UInt8], _ key: [UInt8]) throws(Unacceptable) -> KeyAlgorithm {
        if identifier == rsa { return .rsa(bits: try RSAPublicKey(key).modulus.bitWidth) }
        if identifier == DER.sequence(OID.ed25519.der) {
            guard key.count == 32 else { throw .key("an Ed25519 key has 32 octets") }
            return .ed25519
        }
        guard let (curve, width) = curves[identifier] else {
            throw .key("the key's algorithm is not supported: use P-256, P-384, P-521, RSA or Ed25519")
        }
        guard key.count == 1 + 2 * width, key.first == 0x04 else { throw .key("the key's point is not in uncompressed form") }
        guard isOnCurve(key, curve) else { throw .key("the key's point is not on its curve") }
        return curve
    }

    /// BoringSSL checks the curve equation when it reads a point.
    private static func isOnCurve(_ point: [UInt8], _ curve: KeyAlgorithm) -> Bool {
        switch curve {
        case .p256: (try? P256.Signing.PublicKey(x963Representation: point)) != nil
        case .p384: (try? P384.Signing.PublicKey(x963Representation: point)) != nil
        case .p521: (try? P521.Signing.PublicKey(x963Representation: point)) != nil
        case .rsa, .ed25519: false
        }
    }

    /// SHA-1 of the BIT STRING's octets, 20 of them: RFC 5280 section 4.2.1.2 method (1). A name, not a proof.
    package var keyIdentifier: [UInt8] { Array(Insecure.SHA1.hash(data: key)) }

    /// SHA-256 of the whole SubjectPublicKeyInfo.
    package var fingerprint: [UInt8] { Self.fingerprint(of: der) }
    package static func fingerprint(of der: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: der)) }

    /// - Parameter signature: in X.509 form, DER for ECDSA.
    /// - Returns: false also where the scheme does not fit the key.
    package func verify(signature: [UInt8], over bytes: [UInt8], algorithm scheme: SignatureScheme) -> Bool {
        switch scheme {
        case .ecdsaSHA256: verify(signature, digest: SHA256.hash(data: bytes), isECDSA: true)
        case .ecdsaSHA384: verify(signature, digest: SHA384.hash(data: bytes), isECDSA: true)
        case .ecdsaSHA512: verify(signature, digest: SHA512.hash(data: bytes), isECDSA: true)
        case .rsaSHA256: verify(signature, digest: SHA256.hash(data: bytes), isECDSA: false)
        case .rsaSHA384: verify(signature, digest: SHA384.hash(data: bytes), isECDSA: false)
        case .rsaSHA512: verify(signature, digest: SHA512.hash(data: bytes), isECDSA: false)
        case .ed25519:
            algorithm == .ed25519
                && (try? Curve25519.Signing.PublicKey(rawRepresentation: key))?.isValidSignature(signature, for: bytes) == true
        }
    }

    private func verify(_ signature: [UInt8], digest: some Digest, isECDSA: Bool) -> Bool {
        do {
            switch (algorithm, isECDSA) {
            case (.p256, true):
                let signature = try P256.Signing.ECDSASignature(derRepresentation: signature)
                return try P256.Signing.PublicKey(x963Representation: key).isValidSignature(signature, for: digest)
            case (.p384, true):
                let signature = try P384.Signing.ECDSASignature(derRepresentation: signature)
                return try P384.Signing.PublicKey(x963Representation: key).isValidSignature(signature, for: digest)
            case (.p521, true):
                let signature = try P521.Signing.ECDSASignature(derRepresentation: signature)
                return try P521.Signing.PublicKey(x963Representation: key).isValidSignature(signature, for: digest)
            case (.rsa, false):
                let signature = _RSA.Signing.RSASignature(rawRepresentation: signature)
                return try _RSA.Signing.PublicKey(derRepresentation: der)
                    .isValidSignature(signature, for: digest, padding: .insecurePKCS1v1_5)
            default: return false
            }
        } catch {
            return false
        }
    }
}

/// RFC 8017 appendix A.1.1.
struct RSAPublicKey {
    let modulus: BigNumber
    let exponent: BigNumber

    init(_ der: [UInt8]) throws(Unacceptable) {
        var fields = try DERFields(.parse(der, maximum: 1 << 12, "the RSA key"), of: "the RSA key")
        modulus = try Self.positive(fields.next(.integer, "a modulus"))
        exponent = try Self.positive(fields.next(.integer, "an exponent"))
        try fields.end()
        guard modulus.bitWidth <= 8192 else { throw .key("an RSA key of \(modulus.bitWidth) bits is too long: at most 4096") }
    }

    private static func positive(_ node: ASN1Node) throws(Unacceptable) -> BigNumber {
        let bytes = try node.integer("a number of the RSA key")
        guard bytes[0] & 0x80 == 0 else { throw .key("a number of the RSA key is negative") }
        return BigNumber(bigEndian: bytes)
    }
}
