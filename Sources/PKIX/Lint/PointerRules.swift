extension Linter {
    /// Where the issuer and its revocations are found.
    static let pointerRules: [LintRule] = [
        LintRule("issuer-url-not-critical", "RFC 5280 4.2.2.1", [.leaf, .intermediate]) { certificate, _ in
            certificate.extensionValue(.authorityInformationAccess)?.isCritical == true ? "authorityInfoAccess is critical" : nil
        },
        LintRule("issuer-url-form", "RFC 5280 4.2.2.1, BR 7.1.2.7.7", [.leaf, .intermediate]) {
            (certificate, _) throws(Unacceptable) in
            let entries = try certificate.extensionValue(.authorityInformationAccess)?.accessDescriptions() ?? []
            let isFit = entries.allSatisfy { $0.method == .caIssuers && isHTTP($0.location) }
            return isFit ? nil : "authorityInfoAccess holds more than an http URL of the issuer"
        },
        LintRule("crl-url-not-critical", "RFC 5280 4.2.1.13", [.leaf, .intermediate]) { certificate, _ in
            certificate.extensionValue(.crlDistributionPoints)?.isCritical == true ? "cRLDistributionPoints is critical" : nil
        },
        LintRule("crl-url-form", "RFC 5280 4.2.1.13, BR 7.1.2.11.2", [.leaf, .intermediate]) {
            (certificate, _) throws(Unacceptable) in
            guard let points = try certificate.extensionValue(.crlDistributionPoints)?.distributionPoints() else { return nil }
            let isFit = points.count == 1 && points.allSatisfy { $0.count == 1 && $0.allSatisfy(isHTTP) }
            return isFit ? nil : "cRLDistributionPoints is not one point with one http URL"
        },
    ]

    /// Not https: fetching it would need a certificate to be checked first (RFC 5280 section 8).
    private static func isHTTP(_ name: GeneralName) -> Bool {
        guard case .uri(let url) = name else { return false }
        return url.hasPrefix("http://") && url.utf8.count > 7 && !url.utf8.contains { $0 <= 0x20 }
    }
}
