package import Foundation
package import PKIX

/// Another way from this issuer's certificates up to a root that clients may trust (RFC 8555 section 7.4.2): its key, or its root's, was
/// certified by another authority too.
package struct AlternateChain: Sendable {
    /// Completes `the chain …`.
    package struct Unfit: Error, Equatable { package let reason: String }

    /// What follows the leaf in a download, DER, the other root left out.
    package let certificates: [[UInt8]]
    /// The last second at which all of them are valid.
    package let notAfter: Date

    /// - Parameters:
    ///   - given: first the certificate by which another authority certified the issuer, or its root; each next one certifies the one
    ///     before. A self-signed one may end it.
    ///   - issuer, root: this authority's own.
    package init(_ given: [Certificate509], issuer: Certificate509, root: Certificate509) throws(Unfit) {
        guard let first = given.first else { throw Unfit(reason: "holds no certificate") }
        var path = given
        if !Self.standsFor(first, issuer) {
            guard Self.standsFor(first, root) else {
                throw Unfit(
                    reason: "begins with a certificate for another name or key than this authority's intermediate or root")
            }
            path.insert(issuer, at: 0)
        }
        guard first != issuer, first != root else { throw Unfit(reason: "is the one that is served anyway") }
        for (below, above) in zip(path, path.dropFirst()) where !below.isSigned(by: above) {
            throw Unfit(reason: "is broken: \(below.subject) is not signed by \(above.subject)")
        }
        if let last = path.last, path.count > 1, last.issuer == last.subject { path.removeLast() }
        for (below, certificate) in path.enumerated() {
            guard certificate.isCA else { throw Unfit(reason: "holds a certificate of no CA: \(certificate.subject)") }
            if let length = certificate.pathLength, length < below {
                throw Unfit(reason: "is longer than \(certificate.subject) permits (path length \(length))")
            }
        }
        certificates = path.map(\.der)
        notAfter = path.map(\.notAfter).min() ?? .distantPast
    }

    /// Whether certificates below `own` lead to `other` as well: the same name, key and key identifier.
    private static func standsFor(_ other: Certificate509, _ own: Certificate509) -> Bool {
        other.subject == own.subject && other.publicKey == own.publicKey && other.keyIdentifier == own.keyIdentifier
    }
}
