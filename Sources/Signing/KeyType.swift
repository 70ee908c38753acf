package import PKIX

/// The keys that an authority may have.
package enum KeyType: String, Sendable, CaseIterable {
    case p256, p384, rsa3072, rsa4096

    package var kind: CertificateKey.Kind {
        switch self {
        case .p256: .p256
        case .p384: .p384
        case .rsa3072: .rsa3072
        case .rsa4096: .rsa4096
        }
    }
}
