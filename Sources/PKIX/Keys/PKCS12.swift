internal import COpenSSL
internal import Foundation

/// Key and certificates in one file under a password (RFC 7292), as Java's and Windows' stores take them; by libcrypto, with its defaults of
/// today: PBES2 with AES-256-CBC, and a MAC by SHA-256.
package enum PKCS12 {
    /// - Parameters:
    ///   - chain: DER, the leaf first.
    ///   - name: what the entry is called ("alias").
    /// - Returns: DER.
    /// - Throws: `Unacceptable` for a key and a leaf that are no pair, or no certificate.
    package static func make(key: CertificateKey, chain: [[UInt8]], name: String, password: String) throws(Unacceptable)
        -> [UInt8]
    {
        guard let secret = key.pkcs8.withBytes({ start, count in d2i_AutoPrivateKey(nil, start, count) }) else {
            throw .key("libcrypto does not take the key")
        }
        defer { EVP_PKEY_free(secret) }
        var certificates: [OpaquePointer] = []
        defer { certificates.forEach(X509_free) }
        for der in chain {
            guard let certificate = der.withBytes({ start, count in d2i_X509(nil, start, count) }) else {
                throw .malformed("libcrypto does not take a certificate")
            }
            certificates.append(certificate)
        }
        guard let leaf = certificates.first else { throw .malformed("there is no certificate") }
        let issuers = OPENSSL_sk_new_null()
        defer { OPENSSL_sk_free(issuers) }
        for issuer in certificates.dropFirst() { OPENSSL_sk_push(issuers, UnsafeRawPointer(issuer)) }
        guard let made = PKCS12_create(password, name, secret, leaf, issuers, 0, 0, rounds, rounds, 0) else {
            ERR_clear_error()
            throw .key("the key and the certificate are no pair")
        }
        defer { PKCS12_free(made) }
        var start: UnsafeMutablePointer<UInt8>?
        let count = i2d_PKCS12(made, &start)
        guard count > 0, let start else { throw .malformed("libcrypto cannot write it") }
        defer { CRYPTO_free(start, nil, 0) }
        return Array(UnsafeBufferPointer(start: start, count: Int(count)))
    }

    /// Of the password's derivation.
    private static let rounds: CInt = 100_000
}

extension Array where Element == UInt8 {
    fileprivate func withBytes<Value>(_ read: (UnsafeMutablePointer<UnsafePointer<UInt8>?>, Int) -> Value?) -> Value? {
        withUnsafeBufferPointer { buffer in
            var start = buffer.baseAddress
            return read(&start, buffer.count)
        }
    }
}
