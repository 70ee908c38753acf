package import PKIX

/// A signer whose key was read from a file into memory.
package struct KeyFileSigner: Signer {
    private let key: CertificateKey
    package var publicKey: PublicKeyInfo { key.publicKey }
    package var scheme: SignatureScheme { key.scheme }

    /// - Parameter passphrase: nil for a key in the clear.
    /// - Throws: `.exposed` if others than the owner may read the file; what `KeyFile.read` throws.
    package init(path: String, passphrase: Passphrase?) throws(SigningError) {
        try AtomicFile.requirePrivate(path)
        key = try KeyFile.read(path, passphrase: passphrase)
    }
    /// A key just generated.
    package init(_ key: CertificateKey) { self.key = key }

    package func sign(_ bytes: [UInt8]) async throws(SigningError) -> [UInt8] {
        do { return try key.sign(bytes) } catch { throw .failed(reason: "the \(publicKey.algorithm) key made no signature") }
    }
}
