/// A signature algorithm of X.509 with the exact bytes of its AlgorithmIdentifier (BR 7.1.3.2, RFC 5758, RFC 8410).
package enum SignatureScheme: String, Sendable, CaseIterable {
    case ecdsaSHA256, ecdsaSHA384, ecdsaSHA512
    case rsaSHA256, rsaSHA384, rsaSHA512  // PKCS #1 v1.5
    case ed25519

    /// The DER of the AlgorithmIdentifier: parameters NULL for RSA, absent otherwise.
    package var algorithmIdentifier: [UInt8] {
        switch self {
        case .ecdsaSHA256: DER.sequence(([1, 2, 840, 10045, 4, 3, 2] as OID).der)
        case .ecdsaSHA384: DER.sequence(([1, 2, 840, 10045, 4, 3, 3] as OID).der)
        case .ecdsaSHA512: DER.sequence(([1, 2, 840, 10045, 4, 3, 4] as OID).der)
        case .rsaSHA256: DER.sequence(([1, 2, 840, 113549, 1, 1, 11] as OID).der, DER.null)
        case .rsaSHA384: DER.sequence(([1, 2, 840, 113549, 1, 1, 12] as OID).der, DER.null)
        case .rsaSHA512: DER.sequence(([1, 2, 840, 113549, 1, 1, 13] as OID).der, DER.null)
        case .ed25519: DER.sequence(OID.ed25519.der)
        }
    }

    private static let byIdentifier = Dictionary(uniqueKeysWithValues: allCases.map { ($0.algorithmIdentifier, $0) })

    /// - Parameter algorithmIdentifier: the exact DER; everything else, SHA-1 and MD5 among it, is nil.
    package init?(algorithmIdentifier: [UInt8]) {
        guard let scheme = Self.byIdentifier[algorithmIdentifier] else { return nil }
        self = scheme
    }

    /// What an authority's key of this kind signs with: P-256 with SHA-256, P-384 with SHA-384 (BR 7.1.3.2.2).
    package static func preferred(for algorithm: KeyAlgorithm) -> SignatureScheme {
        switch algorithm {
        case .p256: .ecdsaSHA256
        case .p384: .ecdsaSHA384
        case .p521: .ecdsaSHA512
        case .rsa: .rsaSHA256
        case .ed25519: .ed25519
        }
    }
}
