import Crypto
import CryptoExtras
import Foundation

/// A private key, of an account or of a certificate request. Nothing of it prints.
public struct SigningKey: Sendable {
    /// What can be made.
    public enum Kind: String, CaseIterable, Sendable { case p256, p384, p521, rsa2048, rsa3072, rsa4096, ed25519 }

    private enum Secret: Sendable {
        case p256(P256.Signing.PrivateKey)
        case p384(P384.Signing.PrivateKey)
        case p521(P521.Signing.PrivateKey)
        case rsa(_RSA.Signing.PrivateKey)
        case ed25519(Curve25519.Signing.PrivateKey)
    }

    private let secret: Secret
    /// The public half.
    public let jwk: JWK

    /// A new key from the system's source of chance. RSA takes up to seconds.
    public init(_ kind: Kind) {
        switch kind {
        case .p256: self.init(.p256(.init()))
        case .p384: self.init(.p384(.init()))
        case .p521: self.init(.p521(.init()))
        case .rsa2048: self.init(.rsa(Self.rsa(.bits2048)))
        case .rsa3072: self.init(.rsa(Self.rsa(.bits3072)))
        case .rsa4096: self.init(.rsa(Self.rsa(.bits4096)))
        case .ed25519: self.init(.ed25519(.init()))
        }
    }

    /// - Parameter pem: one unencrypted private key as PKCS#8, SEC 1 (`EC PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`).
    /// - Throws: `Malformed` for anything else, and for keys whose public half `JWK` refuses.
    public init(pem: String) throws(Malformed) {
        let der = try PrivateKeyPEM.decode(pem)
        guard let secret = Self.secret(der) else {
            throw Malformed("the PEM block holds no private key of a kind that is known here")
        }
        self.init(secret)
        do { _ = try JWK(canonical: jwk.canonical) } catch {
            switch error {
            case .malformed(let reason), .unsupported(let reason): throw Malformed(reason)
            }
        }
    }

    private init(_ secret: Secret) {
        self.secret = secret
        let key: VerificationKey =
            switch secret {
            case .p256(let key): .p256(key.publicKey)
            case .p384(let key): .p384(key.publicKey)
            case .p521(let key): .p521(key.publicKey)
            case .rsa(let key): .rsa(key.publicKey)
            case .ed25519(let key): .ed25519(key.publicKey)
            }
        jwk = JWK(key)
    }

    /// PKCS#8, unencrypted, LF, with a newline at the end. Secret.
    public var pem: String {
        let der: [UInt8] =
            switch secret {
            case .p256(let key): Array(key.derRepresentation)
            case .p384(let key): Array(key.derRepresentation)
            case .p521(let key): Array(key.derRepresentation)
            case .rsa(let key): Array(key.pkcs8DERRepresentation)
            case .ed25519(let key): PrivateKeyPEM.ed25519Prefix + Array(key.rawRepresentation)
            }
        return PrivateKeyPEM.encode(der)
    }

    /// What `message` writes as `alg`.
    public var algorithm: SignatureAlgorithm { jwk.algorithms[0] }

    /// - Returns: a signature of JWS's form: for ECDSA r and s of fixed length.
    public func sign(_ bytes: [UInt8]) throws -> [UInt8] {
        switch secret {
        case .p256(let key): Array(try key.signature(for: bytes).rawRepresentation)
        case .p384(let key): Array(try key.signature(for: bytes).rawRepresentation)
        case .p521(let key): Array(try key.signature(for: bytes).rawRepresentation)
        case .rsa(let key): Array(try key.signature(for: SHA256.hash(data: bytes), padding: .insecurePKCS1v1_5).rawRepresentation)
        case .ed25519(let key): Array(try key.signature(for: bytes))
        }
    }

    /// The flattened JWS of RFC 8555 section 6.2.
    /// - Parameters:
    ///   - payload: empty for POST-as-GET.
    ///   - nonce: nil only for the inner message of a key change.
    ///   - signer: nil for this key's own `jwk`.
    public func message(payload: [UInt8], url: String, nonce: String?, signer: SignedMessage.Signer?) throws -> [UInt8] {
        var members = [#""alg":"\#(algorithm.rawValue)""#]
        switch signer {
        case .kid(let account): members.append(#""kid":\#(JSON.quoted(account))"#)
        case .jwk(let key): members.append(#""jwk":\#(key.canonical)"#)
        case nil: members.append(#""jwk":\#(jwk.canonical)"#)
        }
        if let nonce { members.append(#""nonce":\#(JSON.quoted(nonce))"#) }
        members.append(#""url":\#(JSON.quoted(url))"#)
        let protected = Base64URL.encode("{\(members.joined(separator: ","))}".utf8)
        let payload = Base64URL.encode(payload)
        let signature = Base64URL.encode(try sign(Array("\(protected).\(payload)".utf8)))
        return Array(#"{"protected":"\#(protected)","payload":"\#(payload)","signature":"\#(signature)"}"#.utf8)
    }

    private static func rsa(_ size: _RSA.Signing.KeySize) -> _RSA.Signing.PrivateKey {
        // Fails only for sizes below 2048 and when memory is out.
        try! _RSA.Signing.PrivateKey(keySize: size)
    }

    private static func secret(_ der: [UInt8]) -> Secret? {
        switch PrivateKeyPEM.algorithm(der) {
        case .p256: (try? P256.Signing.PrivateKey(derRepresentation: der)).map(Secret.p256)
        case .p384: (try? P384.Signing.PrivateKey(derRepresentation: der)).map(Secret.p384)
        case .p521: (try? P521.Signing.PrivateKey(derRepresentation: der)).map(Secret.p521)
        case .rsa: (try? _RSA.Signing.PrivateKey(derRepresentation: der)).map(Secret.rsa)
        case .ed25519(let seed): (try? Curve25519.Signing.PrivateKey(rawRepresentation: seed)).map(Secret.ed25519)
        case nil: nil
        }
    }
}

extension SigningKey: CustomStringConvertible, CustomReflectable {
    /// Algorithm and thumbprint.
    public var description: String { "SigningKey(\(algorithm.rawValue), \(jwk.thumbprint))" }
    /// The thumbprint alone, so that `dump` shows nothing secret.
    public var customMirror: Mirror { Mirror(self, children: ["thumbprint": jwk.thumbprint]) }
}
