package import struct Foundation.Date

/// What a certificate is meant to be; its bytes must fit.
package enum CertificateKind: Sendable, CaseIterable { case leaf, intermediate, root }

/// To-be-signed bytes that every lint rule has passed. Unlinted bytes cannot be signed, linted ones not twice.
package struct Linted: ~Copyable {
    /// What the bytes say, read from them and not from what they were made of.
    package let contents: TBSCertificate
    private let scheme: SignatureScheme
    private let issuerKey: PublicKeyInfo

    /// - Parameters:
    ///   - kind: what is meant; bytes of another kind are refused.
    ///   - now: the moment of signing.
    /// - Throws: every rule that was broken, or that the bytes cannot be read.
    package init(
        _ toBeSigned: ToBeSigned, as kind: CertificateKind = .leaf, issuer: IssuerDescription, at now: Date
    ) throws(LintFailure) {
        contents = try Linter.check(
            toBeSigned.bytes,
            LintContext(
                kind: kind, issuerName: issuer.name, issuerKey: issuer.publicKey, issuerKeyIdentifier: issuer.keyIdentifier,
                scheme: issuer.scheme, issuerNotAfter: issuer.certificate.notAfter,
                issuerConstraints: issuer.permittedNames, now: now))
        (scheme, issuerKey) = (issuer.scheme, issuer.publicKey)
    }

    /// A root's own to-be-signed bytes.
    package init(root toBeSigned: ToBeSigned, key: PublicKeyInfo, at now: Date) throws(LintFailure) {
        let scheme = SignatureScheme.preferred(for: key.algorithm)
        contents = try Linter.check(
            toBeSigned.bytes,
            LintContext(
                kind: .root, issuerName: nil, issuerKey: key, issuerKeyIdentifier: key.keyIdentifier, scheme: scheme,
                issuerNotAfter: nil, issuerConstraints: nil, now: now))
        (self.scheme, issuerKey) = (scheme, key)
    }

    /// - Parameter sign: makes the signature by the issuer's scheme over the bytes given, in X.509 form.
    /// - Returns: the certificate's DER.
    /// - Throws: what `sign` throws; `Unacceptable` `.signature` if the issuer's key does not verify what came back.
    package consuming func signed(_ sign: ([UInt8]) async throws -> [UInt8]) async throws -> [UInt8] {
        let bytes = contents.der
        let signature = try await sign(bytes)
        guard issuerKey.verify(signature: signature, over: bytes, algorithm: scheme) else {
            throw Unacceptable.signature("the signature does not fit the issuer's certificate")
        }
        return Certificate509.assemble(bytes, signature, scheme)
    }
}
