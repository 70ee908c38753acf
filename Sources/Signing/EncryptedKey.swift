internal import Crypto
internal import CryptoExtras
internal import Foundation
internal import PKIX
internal import SwiftASN1

/// EncryptedPrivateKeyInfo (RFC 5958) by PBES2 (RFC 8018) with AES-CBC; what `openssl pkey` reads and writes.
enum EncryptedKey {
    enum Refused: Error { case passphrase, form(String) }

    /// scrypt with these costs takes 16 MiB and five passes over them. OpenSSL 3.0 refuses to spend 32 MiB, hence more
    /// passes and not more memory (OWASP holds the two equal).
    private static let (rounds, blockSize, passes) = (1 << 14, 8, 5)
    private static let pbes2: ASN1ObjectIdentifier = [1, 2, 840, 113549, 1, 5, 13]
    private static let pbkdf2: ASN1ObjectIdentifier = [1, 2, 840, 113549, 1, 5, 12]
    private static let scrypt: ASN1ObjectIdentifier = [1, 3, 6, 1, 4, 1, 11591, 4, 11]
    private static let ciphers: [ASN1ObjectIdentifier: Int] = [
        [2, 16, 840, 1, 101, 3, 4, 1, 2]: 16, [2, 16, 840, 1, 101, 3, 4, 1, 22]: 24, [2, 16, 840, 1, 101, 3, 4, 1, 42]: 32,
    ]
    private static let digests: [ASN1ObjectIdentifier: KDF.Insecure.PBKDF2.HashFunction] = [
        [1, 2, 840, 113549, 2, 7]: .insecureSHA1, [1, 2, 840, 113549, 2, 9]: .sha256, [1, 2, 840, 113549, 2, 10]: .sha384,
        [1, 2, 840, 113549, 2, 11]: .sha512,
    ]

    /// - Parameter pkcs8: the DER of the PrivateKeyInfo.
    static func seal(_ pkcs8: [UInt8], _ passphrase: Passphrase) throws(Refused) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        let salt = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let vector = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
        do {
            let key = try KDF.Scrypt.deriveKey(
                from: passphrase.bytes, salt: salt, outputByteCount: 32, rounds: rounds, blockSize: blockSize, parallelism: passes)
            let sealed = try AES._CBC.encrypt(pkcs8, using: key, iv: AES._CBC.IV(ivBytes: vector))
            let derivation = PKIX.DER.sequence(
                [0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b],
                PKIX.DER.sequence(
                    PKIX.DER.octetString(salt), PKIX.DER.integer(UInt64(rounds)), PKIX.DER.integer(UInt64(blockSize)),
                    PKIX.DER.integer(UInt64(passes)), PKIX.DER.integer(32)))
            let cipher = PKIX.DER.sequence(
                [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a], PKIX.DER.octetString(vector))
            let algorithm = PKIX.DER.sequence(
                [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d], PKIX.DER.sequence(derivation, cipher))
            return PKIX.DER.sequence(algorithm, PKIX.DER.octetString([UInt8](sealed)))
        } catch {
            throw .form("it could not be encrypted")
        }
    }

    /// - Returns: the DER of the PrivateKeyInfo; whether it is one is the caller's to see, since one wrong passphrase in
    ///   256 leaves a well-formed padding.
    static func open(_ der: [UInt8], _ passphrase: Passphrase) throws(Refused) -> [UInt8] {
        let parts: Parts
        do { parts = try Parts(derEncoded: der) } catch { throw .form("its encryption is not PBES2 in a form that is known here") }
        guard parts.scheme == pbes2, let width = ciphers[parts.cipher] else {
            throw .form("its encryption is not PBES2 with AES-CBC")
        }
        let key = try key(parts, width, passphrase)
        do {
            return try [UInt8](AES._CBC.decrypt(parts.sealed, using: key, iv: AES._CBC.IV(ivBytes: parts.vector)))
        } catch {
            throw .passphrase
        }
    }

    private static func key(_ parts: Parts, _ width: Int, _ passphrase: Passphrase) throws(Refused) -> SymmetricKey {
        switch parts.derivation {
        case .scrypt(let salt, let rounds, let blockSize, let passes):
            // 128 r N bytes of memory: a hostile file must not ask for all there is.
            guard rounds >= 2, rounds <= 1 << 20, rounds & (rounds - 1) == 0, (1...32).contains(blockSize), (1...16).contains(passes),
                128 * blockSize * rounds <= 1 << 28
            else { throw .form("its scrypt costs are out of range") }
            let key = try? KDF.Scrypt.deriveKey(
                from: passphrase.bytes, salt: salt, outputByteCount: width, rounds: rounds, blockSize: blockSize,
                parallelism: passes, maxMemory: 1 << 29)
            guard let key else { throw .form("its scrypt costs are out of range") }
            return key
        case .pbkdf2(let salt, let rounds, let digest):
            guard (1...100_000_000).contains(rounds), let hash = digests[digest] else {
                throw .form("its PBKDF2 parameters are not known here")
            }
            let key = try? KDF.Insecure.PBKDF2.deriveKey(
                from: passphrase.bytes, salt: salt, using: hash, outputByteCount: width, unsafeUncheckedRounds: rounds)
            guard let key else { throw .form("its PBKDF2 parameters are not known here") }
            return key
        }
    }

    private enum Derivation {
        case scrypt(salt: ArraySlice<UInt8>, rounds: Int, blockSize: Int, passes: Int)
        case pbkdf2(salt: ArraySlice<UInt8>, rounds: Int, digest: ASN1ObjectIdentifier)
    }

    private struct Parts: DERParseable {
        var scheme: ASN1ObjectIdentifier
        var derivation: Derivation
        var cipher: ASN1ObjectIdentifier
        var vector: ArraySlice<UInt8>
        var sealed: ArraySlice<UInt8>

        init(derEncoded node: ASN1Node) throws {
            self = try SwiftASN1.DER.sequence(node, identifier: .sequence) { outer in
                let (scheme, derivation, cipher, vector) = try Self.sequence(&outer) { algorithm in
                    let scheme = try ASN1ObjectIdentifier(derEncoded: &algorithm)
                    return try Self.sequence(&algorithm) { parameters in
                        let derivation = try Self.sequence(&parameters, Derivation.init)
                        let (cipher, vector) = try Self.sequence(&parameters) { cipher in
                            (try ASN1ObjectIdentifier(derEncoded: &cipher), try ASN1OctetString(derEncoded: &cipher).bytes)
                        }
                        return (scheme, derivation, cipher, vector)
                    }
                }
                return Parts(
                    scheme: scheme, derivation: derivation, cipher: cipher, vector: vector,
                    sealed: try ASN1OctetString(derEncoded: &outer).bytes)
            }
        }

        private init(
            scheme: ASN1ObjectIdentifier, derivation: Derivation, cipher: ASN1ObjectIdentifier, vector: ArraySlice<UInt8>,
            sealed: ArraySlice<UInt8>
        ) {
            (self.scheme, self.derivation, self.cipher, self.vector, self.sealed) = (scheme, derivation, cipher, vector, sealed)
        }

        static func sequence<Result>(
            _ nodes: inout ASN1NodeCollection.Iterator, _ body: (inout ASN1NodeCollection.Iterator) throws -> Result
        ) throws -> Result {
            guard let node = nodes.next() else { throw Refused.form("truncated") }
            return try SwiftASN1.DER.sequence(node, identifier: .sequence, body)
        }
    }
}

extension EncryptedKey.Derivation {
    fileprivate init(_ nodes: inout ASN1NodeCollection.Iterator) throws {
        let function = try ASN1ObjectIdentifier(derEncoded: &nodes)
        self = try EncryptedKey.Parts.sequence(&nodes) { parameters in
            let salt = try ASN1OctetString(derEncoded: &parameters).bytes
            let rounds = try Int(derEncoded: &parameters)
            if function == EncryptedKey.scrypt {
                let (blockSize, passes) = (try Int(derEncoded: &parameters), try Int(derEncoded: &parameters))
                if var rest = Optional(parameters), rest.next()?.identifier == .integer { _ = parameters.next() }
                return .scrypt(salt: salt, rounds: rounds, blockSize: blockSize, passes: passes)
            }
            guard function == EncryptedKey.pbkdf2 else { throw EncryptedKey.Refused.form("unknown") }
            var digest: ASN1ObjectIdentifier = [1, 2, 840, 113549, 2, 7]  // the default, HMAC with SHA-1
            while let node = parameters.next() {
                guard node.identifier == .sequence else { continue }
                digest = try SwiftASN1.DER.sequence(node, identifier: .sequence) { inner in
                    let digest = try ASN1ObjectIdentifier(derEncoded: &inner)
                    _ = inner.next()
                    return digest
                }
            }
            return .pbkdf2(salt: salt, rounds: rounds, digest: digest)
        }
    }
}
