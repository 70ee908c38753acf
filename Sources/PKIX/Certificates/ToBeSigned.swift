/// The bytes of a TBSCertificate that nobody has signed yet. Stored as the intent before the signature; only `Linted` signs.
package struct ToBeSigned: Sendable, Equatable {
    package let bytes: [UInt8]

    package init(_ what: CertificateDescription, signedWith scheme: SignatureScheme) {
        bytes = DER.sequence(
            DER.constructed(0, DER.integer(2)), DER.integer(what.serial), scheme.algorithmIdentifier, what.issuer.der,
            DER.sequence(DER.time(what.notBefore), DER.time(what.notAfter)), what.subject.der, what.publicKey.der,
            what.extensions.isEmpty ? [] : DER.constructed(3, DER.sequence(of: what.extensions.map(\.der))))
    }

    /// A stored intent. Nothing is believed: the linter reads the bytes again.
    package init(bytes: [UInt8]) { self.bytes = bytes }

    /// What the bytes say.
    package func fields() throws(Unacceptable) -> TBSCertificate { try TBSCertificate(der: bytes) }
}
