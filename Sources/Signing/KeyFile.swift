package import PKIX

/// Private keys in files: PEM, encrypted by default, readable by openssl.
package enum KeyFile {
    /// A new key; RSA takes seconds.
    package static func generate(_ type: KeyType) throws(SigningError) -> CertificateKey {
        do { return try CertificateKey(type.kind) } catch { throw .failed(reason: error.reason) }
    }

    /// Writes a new file `ENCRYPTED PRIVATE KEY` of mode 0600: whole or not at all, and never over another.
    package static func write(_ key: CertificateKey, to path: String, passphrase: Passphrase) throws(SigningError) {
        let sealed: [UInt8]
        do { sealed = try EncryptedPrivateKey.seal(key, passphrase: passphrase.bytes) } catch {
            throw .unwritable(path: path, reason: "the key cannot be encrypted")
        }
        try AtomicFile.write(Array(PEM.encode("ENCRYPTED PRIVATE KEY", sealed).utf8), to: path, mode: 0o600, replacing: false)
    }

    /// Writes `PRIVATE KEY` in the clear, mode 0600, over what is there: for a server's own TLS key.
    package static func writeUnencrypted(_ key: CertificateKey, to path: String) throws(SigningError) {
        try AtomicFile.write(Array(key.pem.utf8), to: path, mode: 0o600)
    }

    /// The one private key of a PEM file of at most 64 KiB.
    /// - Parameter passphrase: nil for keys in the clear (PKCS #8, SEC 1, PKCS #1); not used for those if given.
    /// - Throws: `.wrongPassphrase` whenever what the passphrase opens is no key.
    package static func read(_ path: String, passphrase: Passphrase?) throws(SigningError) -> CertificateKey {
        let bytes = try AtomicFile.read(path, maximum: 1 << 16)
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .unusable(path: path, reason: "it is no text") }
        let blocks: [PEM.Block]
        do { blocks = try PEM.decode(text, maximum: 1 << 16, allowingText: true) } catch {
            throw .unusable(path: path, reason: error.reason)
        }
        if let block = blocks.first(where: { $0.label == "ENCRYPTED PRIVATE KEY" }) {
            return try open(block.bytes, passphrase, path)
        }
        do { return try CertificateKey(pem: text) } catch { throw .unusable(path: path, reason: error.reason) }
    }

    private static func open(_ der: [UInt8], _ passphrase: Passphrase?, _ path: String) throws(SigningError) -> CertificateKey {
        guard let passphrase else { throw .passphraseNeeded(path: path) }
        do { return try EncryptedPrivateKey.open(der, passphrase: passphrase.bytes) } catch {
            switch error {
            case .wrongPassphrase: throw .wrongPassphrase(path: path)
            case .unusable(let reason): throw .unusable(path: path, reason: reason)
            }
        }
    }
}
