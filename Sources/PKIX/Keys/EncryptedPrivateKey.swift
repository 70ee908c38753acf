internal import Crypto
internal import CryptoExtras
internal import Foundation
internal import SwiftASN1

/// EncryptedPrivateKeyInfo (RFC 5958) by PBES2 (RFC 8018) with AES-CBC, as `openssl pkey` reads and writes it.
package enum EncryptedPrivateKey {
    package enum Refused: Error, Equatable {
        /// What the passphrase opens is no private key.
        case wrongPassphrase
        case unusable(String)
    }

    /// scrypt at these costs takes 16 MiB, five times over. OpenSSL 3.0 refuses to spend 32 MiB, hence more passes and not
    /// more memory; OWASP's password storage rules hold both for equal.
    private static let (rounds, blockSize, passes): (UInt64, UInt64, UInt64) = (1 << 14, 8, 5)
    private static let pbes2: OID = [1, 2, 840, 113549, 1, 5, 13]
    private static let pbkdf2: OID = [1, 2, 840, 113549, 1, 5, 12]
    private static let scrypt: OID = [1, 3, 6, 1, 4, 1, 11591, 4, 11]
    private static let hmacSHA1: OID = [1, 2, 840, 113549, 2, 7]
    private static let digests: [OID: KDF.Insecure.PBKDF2.HashFunction] = [
        hmacSHA1: .insecureSHA1, [1, 2, 840, 113549, 2, 9]: .sha256, [1, 2, 840, 113549, 2, 10]: .sha384,
        [1, 2, 840, 113549, 2, 11]: .sha512,
    ]
    private static let aes256: OID = [2, 16, 840, 1, 101, 3, 4, 1, 42]
    private static let keyLengths: [OID: Int] = [
        [2, 16, 840, 1, 101, 3, 4, 1, 2]: 16, [2, 16, 840, 1, 101, 3, 4, 1, 22]: 24, aes256: 32,
    ]

    /// - Returns: DER, with scrypt and AES-256-CBC, a fresh salt and vector.
    package static func seal(_ key: CertificateKey, passphrase: [UInt8]) throws(Refused) -> [UInt8] {
        let salt = (0..<16).map { _ in UInt8.random(in: 0...255) }
        let vector = (0..<16).map { _ in UInt8.random(in: 0...255) }
        let secret = try derive(
            .scrypt(salt: salt, rounds: Int(rounds), blockSize: Int(blockSize), passes: Int(passes)), 32, passphrase)
        guard let sealed = try? AES._CBC.encrypt(key.pkcs8, using: secret, iv: AES._CBC.IV(ivBytes: vector)) else {
            throw .unusable("it cannot be encrypted")
        }
        let costs = DER.sequence(
            DER.octetString(salt), DER.integer(rounds), DER.integer(blockSize), DER.integer(passes), DER.integer(32))
        let parameters = DER.sequence(DER.sequence(scrypt.der, costs), DER.sequence(aes256.der, DER.octetString(vector)))
        return DER.sequence(DER.sequence(pbes2.der, parameters), DER.octetString([UInt8](sealed)))
    }

    package static func open(_ der: [UInt8], passphrase: [UInt8]) throws(Refused) -> CertificateKey {
        let envelope: Envelope
        do { envelope = try Envelope(der) } catch { throw .unusable(error.reason) }
        let secret = try derive(envelope.derivation, envelope.keyLength, passphrase)
        // One wrong passphrase in 256 leaves a well-formed padding, so what comes out must also be a key.
        guard let clear = try? AES._CBC.decrypt(envelope.sealed, using: secret, iv: AES._CBC.IV(ivBytes: envelope.vector)),
            clear.first == 0x30
        else { throw .wrongPassphrase }
        do { return try CertificateKey(pkcs8: [UInt8](clear)) } catch {
            if error.kind == .malformed { throw .wrongPassphrase }
            throw .unusable(error.reason)
        }
    }

    private enum Derivation {
        case scrypt(salt: [UInt8], rounds: Int, blockSize: Int, passes: Int)
        case pbkdf2(salt: [UInt8], rounds: Int, digest: OID)
    }

    private static func derive(_ derivation: Derivation, _ length: Int, _ passphrase: [UInt8]) throws(Refused) -> SymmetricKey {
        let key: SymmetricKey?
        switch derivation {
        case .scrypt(let salt, let rounds, let blockSize, let passes):
            // 128 r N bytes of memory, bounded, for the file may be another's.
            guard (2...(1 << 20)).contains(rounds), rounds & (rounds - 1) == 0, (1...32).contains(blockSize),
                (1...16).contains(passes),
                128 * blockSize * rounds <= 1 << 28
            else { throw .unusable("its scrypt costs are out of range") }
            key = try? KDF.Scrypt.deriveKey(
                from: passphrase, salt: salt, outputByteCount: length, rounds: rounds, blockSize: blockSize, parallelism: passes)
        case .pbkdf2(let salt, let rounds, let digest):
            guard (1...100_000_000).contains(rounds), let hash = digests[digest] else {
                throw .unusable("its PBKDF2 parameters are not supported")
            }
            key = try? KDF.Insecure.PBKDF2.deriveKey(
                from: passphrase, salt: salt, using: hash, outputByteCount: length, unsafeUncheckedRounds: rounds)
        }
        guard let key else { throw .unusable("no key can be derived by its parameters") }
        return key
    }

    private struct Envelope {
        let derivation: Derivation
        let keyLength: Int
        let vector: [UInt8]
        let sealed: [UInt8]

        init(_ der: [UInt8]) throws(Unacceptable) {
            var fields = try DERFields(.parse(der, maximum: 1 << 15, "the encrypted key"), of: "the encrypted key")
            var scheme = try DERFields(fields.next(.sequence, "an algorithm"), of: "its encryption")
            guard try scheme.oid("a scheme") == pbes2 else { throw .key("its encryption is not PBES2") }
            var parameters = try DERFields(scheme.next(.sequence, "parameters"), of: "the PBES2 parameters")
            derivation = try Self.derivation(parameters.next(.sequence, "a key derivation"))
            var cipher = try DERFields(parameters.next(.sequence, "a cipher"), of: "the cipher")
            guard let length = try keyLengths[cipher.oid("a name")] else { throw .key("its cipher is not AES-CBC") }
            keyLength = length
            vector = try cipher.bytes(.octetString, "a vector")
            guard vector.count == 16 else { throw .malformed("the cipher's vector has not 16 octets") }
            sealed = try fields.bytes(.octetString, "encrypted data")
        }

        private static func derivation(_ node: ASN1Node) throws(Unacceptable) -> Derivation {
            var fields = try DERFields(node, of: "the key derivation")
            let function = try fields.oid("a function")
            var costs = try DERFields(fields.next(.sequence, "costs"), of: "the costs")
            let salt = try costs.bytes(.octetString, "a salt")
            let rounds = try costs.next(.integer, "a count").count("a cost")
            switch function {
            case scrypt:
                return .scrypt(
                    salt: salt, rounds: rounds, blockSize: try costs.next(.integer, "a block size").count("a cost"),
                    passes: try costs.next(.integer, "a parallelization").count("a cost"))
            case pbkdf2:
                _ = costs.optional(.integer)
                guard let digest = costs.optional(.sequence) else { return .pbkdf2(salt: salt, rounds: rounds, digest: hmacSHA1) }
                var algorithm = try DERFields(digest, of: "the pseudo-random function")
                return .pbkdf2(salt: salt, rounds: rounds, digest: try algorithm.oid("a name"))
            default: throw .key("its key derivation is neither scrypt nor PBKDF2")
            }
        }
    }
}
