import Foundation
import NIOSSL
import PKIX
import Signing
import Web

/// What HTTPS is served with: a chain, leaf first, and its key.
struct ServingPair: Sendable {
    let chain: [Certificate509]
    let key: CertificateKey

    var context: NIOSSLContext {
        get throws {
            try TLSContextBox.context(
                chain: chain.map { try NIOSSLCertificate(bytes: $0.der, format: .der) },
                key: NIOSSLPrivateKey(bytes: Array(key.pem.utf8), format: .pem))
        }
    }

    /// From the operator's two PEM files.
    /// - Throws: `.tlsFiles` when one is missing, damaged or does not belong to the other.
    init(certificate: String, key keyPath: String) throws(Failure) {
        guard let bytes = try Self.bytes(certificate), let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(.tlsFiles, "tls-certificate: \(certificate) is missing or no text; name a PEM file.")
        }
        do throws(Unacceptable) { chain = try Self.certificates(text) } catch {
            throw Failure(.tlsFiles, "tls-certificate: \(certificate) holds no usable chain (\(error.reason)).")
        }
        do throws(SigningError) { key = try KeyFile.read(keyPath, passphrase: nil) } catch {
            throw Failure(.tlsFiles, "tls-key: \(error).")
        }
        guard let leaf = chain.first, leaf.publicKey == key.publicKey.der else {
            throw Failure(
                .tlsFiles, "tls-key \(keyPath) is not the key of the first certificate in \(certificate); name a pair that fits.")
        }
        do { _ = try context } catch {
            throw Failure(.tlsFiles, "\(certificate) and \(keyPath) cannot be used for TLS (\(error)).")
        }
    }

    /// From the one file that the server keeps for itself; nil when there is none or it is damaged: it is made anew then.
    init?(own path: String) {
        guard let bytes = try? AtomicFile.read(path, maximum: 1 << 18), let text = String(validating: bytes, as: UTF8.self),
            let end = text.range(of: "-----END PRIVATE KEY-----\n")?.upperBound,
            let key = try? CertificateKey(pem: String(text[..<end])), let chain = try? Self.certificates(String(text[end...])),
            chain.first?.publicKey == key.publicKey.der
        else { return nil }
        (self.chain, self.key) = (chain, key)
    }

    init(chain: [Certificate509], key: CertificateKey) { (self.chain, self.key) = (chain, key) }

    /// Key and chain in one file, so that no crash leaves the one without the other.
    func write(to path: String) throws(Failure) {
        try writeFile(Array((key.pem + chain.map(\.pem).joined()).utf8), to: path, mode: 0o600)
    }

    private static func bytes(_ path: String) throws(Failure) -> [UInt8]? {
        do throws(Failure) { return try readFile(path, upTo: 1 << 18) } catch { throw Failure(.tlsFiles, error.sentence) }
    }

    private static func certificates(_ text: String) throws(Unacceptable) -> [Certificate509] {
        var chain: [Certificate509] = []
        for block in try PEM.decode(text, maximum: 1 << 18, allowingText: true) where block.label == "CERTIFICATE" {
            chain.append(try Certificate509(der: block.bytes))
        }
        return chain
    }
}
