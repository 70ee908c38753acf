import ACMEClient
import Foundation
import PKIX

extension IssuedCertificate {
    /// Looks at the chains that a CA offers, and chooses one.
    /// - Parameters:
    ///   - chains: the CA's own choice first.
    ///   - preferred: the common name of the root that the chain is to lead to; nil for the CA's choice.
    ///   - warn: gets a sentence about each chain that was passed over, and about a preference that was not met.
    /// - Throws: `failed` if the CA's own choice is not to be installed. An alternate that is bad, or for another certificate,
    ///   is refused by itself (RFC 8555 section 7.4.2: all chains begin with the same certificate).
    static func chosen(
        from chains: [CertificateChain], for made: RequestedKey, preferred: String?, now: Date, warn: (String) -> Void
    ) throws(AgentError) -> IssuedCertificate {
        guard let first = chains.first else { throw .misdeed("The CA sent no certificate.") }
        let standard = try IssuedCertificate(first.certificates, for: made, now: now)
        guard let preferred, !standard.leads(to: preferred) else { return standard }
        var roots = standard.rootNames
        for chain in chains.dropFirst() {
            do throws(AgentError) {
                let other = try IssuedCertificate(chain.certificates, for: made, now: now)
                guard other.leaf == standard.leaf else {
                    throw .failed("it is for another certificate")
                }
                if other.leads(to: preferred) { return other }
                roots += other.rootNames
            } catch { warn("The alternate chain at \(chain.url.sanitized) was refused: \(error.message)") }
        }
        let known = Set(roots).sorted().map(\.sanitized).joined(separator: ", ")
        warn(
            "The CA offers no chain to \(preferred.sanitized), but to \(known.isEmpty ? "no named root" : known); its own choice is used."
        )
        return standard
    }

    private func leads(to root: String) -> Bool { rootNames.contains { $0.lowercased() == root.lowercased() } }

    /// The common name of whoever signed the topmost certificate, which is its own where the CA sends the root too.
    private var rootNames: [String] { [(chain.last ?? leaf).issuer.commonName].compactMap { $0 } }
}
