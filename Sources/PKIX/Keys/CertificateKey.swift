internal import Crypto
internal import CryptoExtras
internal import Foundation
internal import SwiftASN1

/// A private key in memory: what a certificate's holder, or an authority behind `Signing`, signs with.
/// It prints as its kind, never as its value.
package struct CertificateKey: Sendable, CustomStringConvertible, CustomReflectable {
    package enum Kind: String, Sendable, CaseIterable {
        case p256, p384, p521, rsa2048, rsa3072, rsa4096, ed25519
    }
    private enum Backing: Sendable {
        case p256(P256.Signing.PrivateKey), p384(P384.Signing.PrivateKey), p521(P521.Signing.PrivateKey)
        case rsa(_RSA.Signing.PrivateKey)
        case ed25519(Curve25519.Signing.PrivateKey)
    }
    private let backing: Backing
    package let publicKey: PublicKeyInfo

    private init(_ backing: Backing) throws(Unacceptable) {
        self.backing = backing
        let der =
            switch backing {
            case .p256(let key): [UInt8](key.publicKey.derRepresentation)
            case .p384(let key): [UInt8](key.publicKey.derRepresentation)
            case .p521(let key): [UInt8](key.publicKey.derRepresentation)
            case .rsa(let key): [UInt8](key.publicKey.derRepresentation)
            case .ed25519(let key):
                DER.sequence(DER.sequence(OID.ed25519.der), DER.bitString([UInt8](key.publicKey.rawRepresentation)))
            }
        publicKey = try PublicKeyInfo(der: der)
    }

    /// A new key. RSA takes seconds.
    package init(_ kind: Kind) throws(Unacceptable) {
        do {
            switch kind {
            case .p256: try self.init(.p256(P256.Signing.PrivateKey()))
            case .p384: try self.init(.p384(P384.Signing.PrivateKey()))
            case .p521: try self.init(.p521(P521.Signing.PrivateKey()))
            case .rsa2048: try self.init(.rsa(_RSA.Signing.PrivateKey(keySize: .bits2048)))
            case .rsa3072: try self.init(.rsa(_RSA.Signing.PrivateKey(keySize: .bits3072)))
            case .rsa4096: try self.init(.rsa(_RSA.Signing.PrivateKey(keySize: .bits4096)))
            case .ed25519: try self.init(.ed25519(Curve25519.Signing.PrivateKey()))
            }
        } catch let error as Unacceptable {
            throw error
        } catch {
            throw .key("no key could be generated")
        }
    }

    /// PEM of an unencrypted key: PKCS #8 (`PRIVATE KEY`), SEC 1 (`EC PRIVATE KEY`) or PKCS #1 (`RSA PRIVATE KEY`);
    /// an `EC PARAMETERS` block before it, as openssl writes, is passed over.
    package init(pem: String) throws(Unacceptable) {
        let blocks = try PEM.decode(pem, maximum: 1 << 16, allowingText: true).filter { $0.label != "EC PARAMETERS" }
        guard blocks.count == 1, let block = blocks.first else { throw .malformed("there is not one private key in the text") }
        switch block.label {
        case "PRIVATE KEY": try self.init(pkcs8: block.bytes)
        case "EC PRIVATE KEY": try self.init(sec1: block.bytes)
        case "RSA PRIVATE KEY": try self.init(pkcs1: block.bytes)
        case "ENCRYPTED PRIVATE KEY": throw .key("the private key is encrypted")
        default: throw .malformed("a PEM block is no private key but \(block.label)")
        }
    }

    /// RFC 5958, version 0 or 1, unencrypted.
    package init(pkcs8 der: [UInt8]) throws(Unacceptable) {
        var fields = try DERFields(.parse(der, maximum: 1 << 14, "the private key"), of: "the private key")
        _ = try fields.next(.integer, "a version")
        var algorithm = try DERFields(fields.next(.sequence, "an algorithm"), of: "the private key's algorithm")
        let kind = try algorithm.oid("an object identifier")
        let key = try fields.bytes(.octetString, "its octets")
        switch kind {
        case .rsaEncryption: try self.init(pkcs1: key)
        case .ecPublicKey: try self.init(sec1: key, curve: algorithm.oid("a curve"))
        case .ed25519:
            let seed = try ASN1Node.parse(key, maximum: 64, "the Ed25519 key").primitive("the Ed25519 key")
            guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed) else {
                throw .key("the Ed25519 key cannot be read")
            }
            try self.init(.ed25519(key))
        default: throw .key("the private key's algorithm is not supported")
        }
    }

    private init(pkcs1 der: [UInt8]) throws(Unacceptable) {
        guard let key = try? _RSA.Signing.PrivateKey(derRepresentation: der) else {
            throw .key("the RSA key cannot be read; it must have 2048 bits or more")
        }
        try self.init(.rsa(key))
    }

    private init(sec1 der: [UInt8], curve named: OID? = nil) throws(Unacceptable) {
        var fields = try DERFields(.parse(der, maximum: 1 << 12, "the EC key"), of: "the EC key")
        _ = try fields.next(.integer, "a version")
        let scalar = try fields.bytes(.octetString, "its octets")
        var curve = named
        if let parameters = fields.optional(.context(0)) {
            var inner = try DERFields(parameters, .context(0), of: "the EC key's parameters")
            curve = try inner.oid("a curve")
        }
        do {
            switch curve {
            case .p256: try self.init(.p256(P256.Signing.PrivateKey(rawRepresentation: scalar)))
            case .p384: try self.init(.p384(P384.Signing.PrivateKey(rawRepresentation: scalar)))
            case .p521: try self.init(.p521(P521.Signing.PrivateKey(rawRepresentation: scalar)))
            default: throw Unacceptable.key("the EC key's curve is not supported")
            }
        } catch let error as Unacceptable {
            throw error
        } catch {
            throw .key("the EC key cannot be read")
        }
    }

    /// PKCS #8, unencrypted: a secret.
    package var pkcs8: [UInt8] {
        switch backing {
        case .p256(let key): [UInt8](key.derRepresentation)
        case .p384(let key): [UInt8](key.derRepresentation)
        case .p521(let key): [UInt8](key.derRepresentation)
        case .rsa(let key): [UInt8](key.pkcs8DERRepresentation)
        case .ed25519(let key):
            DER.sequence(
                DER.integer(0), DER.sequence(OID.ed25519.der), DER.octetString(DER.octetString([UInt8](key.rawRepresentation))))
        }
    }
    /// PKCS #8, unencrypted: a secret.
    package var pem: String { PEM.encode("PRIVATE KEY", pkcs8) }

    /// What this key signs with here.
    package var scheme: SignatureScheme { .preferred(for: publicKey.algorithm) }

    /// - Returns: the signature by `scheme` in X.509 form, DER for ECDSA.
    package func sign(_ bytes: [UInt8]) throws -> [UInt8] {
        switch backing {
        case .p256(let key): try [UInt8](key.signature(for: SHA256.hash(data: bytes)).derRepresentation)
        case .p384(let key): try [UInt8](key.signature(for: SHA384.hash(data: bytes)).derRepresentation)
        case .p521(let key): try [UInt8](key.signature(for: SHA512.hash(data: bytes)).derRepresentation)
        case .rsa(let key):
            try [UInt8](key.signature(for: SHA256.hash(data: bytes), padding: .insecurePKCS1v1_5).rawRepresentation)
        case .ed25519(let key): try [UInt8](key.signature(for: bytes))
        }
    }

    package var description: String { "private key, \(publicKey.algorithm)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
