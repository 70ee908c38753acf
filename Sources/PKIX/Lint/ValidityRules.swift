internal import Foundation

extension Linter {
    private static let day = 86_400.0

    static let validityRules: [LintRule] = [
        LintRule("validity-order", "RFC 5280 4.1.2.5") { certificate, _ in
            certificate.notBefore <= certificate.notAfter ? nil : "notAfter lies before notBefore"
        },
        LintRule("validity-time-form", "RFC 5280 4.1.2.5") { certificate, _ in
            let rewritten = DER.sequence(DER.time(certificate.notBefore), DER.time(certificate.notAfter))
            return certificate.validity == rewritten ? nil : "times through 2049 are UTCTime, later ones GeneralizedTime"
        },
        LintRule("validity-begins-near-now", "BR 7.1.2.7.2, 7.1.2.10.2") { certificate, context in
            let distance = certificate.notBefore.timeIntervalSince(context.now)
            return abs(distance) <= 2 * day ? nil : "notBefore is not within 48 hours of the signature"
        },
        LintRule("validity-not-over", "a certificate is for the future") { certificate, context in
            certificate.notAfter > context.now ? nil : "the certificate has expired before it is signed"
        },
        LintRule("validity-within-issuer", "RFC 5280 6.1", [.leaf, .intermediate]) { certificate, context in
            guard let end = context.issuerNotAfter else { return "the issuer's end is not known" }
            return certificate.notAfter <= end ? nil : "the certificate outlives its issuer"
        },
        LintRule("validity-leaf-at-most-398-days", "BR 6.3.2 as of 2020", [.leaf]) { certificate, _ in
            period(certificate) <= 398 * day ? nil : "the validity exceeds 398 days"
        },
        LintRule("validity-root-at-most-9132-days", "BR 7.1.2.1.1", [.root]) { certificate, _ in
            period(certificate) <= 9132 * day ? nil : "the validity exceeds 25 years"
        },
    ]

    /// Both ends belong to it.
    private static func period(_ certificate: TBSCertificate) -> Double {
        certificate.notAfter.timeIntervalSince(certificate.notBefore) + 1
    }
}
