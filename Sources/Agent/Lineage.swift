import ACME
package import Foundation

/// A certificate with all that its renewal needs; `lineage.json` beside the files it speaks of.
package struct Lineage: Sendable, Equatable, Codable {
    /// One installation.
    package struct Installation: Sendable, Equatable, Codable {
        package var at: Date
        /// Upper-case hexadecimal.
        package var serial: String
        package var notAfter: Date
    }

    /// The form of this file.
    package var version = 1
    /// The folder's name below `live`.
    package var name: String
    /// DNS names in ASCII, as they were given, `*.` for wildcards.
    package var names: [String]
    /// The CA's directory URL.
    package var ca: String
    /// The CA that a person chose, where that is another one than `ca`: then a renewal went to one of the pool.
    package var wanted: String?
    /// Directory URLs of the CAs to turn to when the wanted one fails, in order; nil for the store's.
    package var pool: [String]?
    /// URL of the account that the certificate was issued to.
    package var account: String?
    /// The certificate as RFC 9773 section 4.1 names it; nil if its issuer has no key identifier.
    package var identifier: String?
    package var method: ChallengeMethod
    package var keyType: KeyType
    /// The common name of the root that the chain is to lead to, where the CA offers several.
    package var preferredChain: String?
    /// Absolute path.
    package var deployHook: String?
    /// Where the certificate is put to use, as `--install` says it.
    package var targets: [String]?
    package var notBefore: Date
    /// The last second of the validity.
    package var notAfter: Date
    /// Upper-case hexadecimal.
    package var serial: String
    /// False from the moment of installation until the deploy hook has run, if there is one.
    package var served: Bool
    package var revoked: Date?
    /// Newest last, at most 20.
    package var history: [Installation]

    /// In seconds.
    package var lifetime: TimeInterval { notAfter.timeIntervalSince(notBefore) + 1 }

    /// The folder for a certificate: its first name, without `*.` as certbot does. Letters, digits, hyphens and dots only,
    /// since it comes from a checked name, so that it is one safe path component.
    static func name(for first: DomainName) -> String { first.base }
}
