internal import Foundation
package import PKIX
package import Signing

/// Who signs here, and how the world finds it.
package struct Issuer: Sendable {
    /// Why a key and certificates do not make an issuer.
    package enum Mismatch: Error, Equatable {
        case keyIsNotTheCertificates
        case chainIsBroken
        case notAnIssuer(String)
    }
    /// The key identifier in lower-case hexadecimal: the name in URLs and in the store.
    package let id: String
    package let description: IssuerDescription
    /// DER, the issuer first, the trust anchor left out: what follows the leaf in a download.
    package let chain: [[UInt8]]
    package let root: Certificate509
    /// Other ways to a root, by the number that their URLs bear: 1 to 9.
    package var alternates: [Int: AlternateChain] = [:]
    let signer: any Signer

    /// - Parameters:
    ///   - certificates: the issuer's own first, each next one certifying the one before, a self-signed root last.
    package init(signer: any Signer, certificates: [Certificate509]) throws(Mismatch) {
        guard let own = certificates.first, let root = certificates.last else { throw .chainIsBroken }
        guard signer.publicKey.der == own.publicKey else { throw .keyIsNotTheCertificates }
        for (below, above) in zip(certificates, certificates.dropFirst()) where !below.isSigned(by: above) {
            throw .chainIsBroken
        }
        guard root.isSigned(by: root) else { throw .chainIsBroken }
        do { description = try IssuerDescription(own) } catch { throw .notAnIssuer(error.reason) }
        guard description.scheme == signer.scheme else { throw .notAnIssuer("its signer signs by another scheme") }
        id = description.keyIdentifier.hex
        chain = (certificates.count > 1 ? certificates.dropLast() : certificates[...]).map(\.der)
        self.root = root
        self.signer = signer
    }

    package var certificate: Certificate509 { description.certificate }
}

/// Where what this authority publishes is fetched over plain HTTP; written into every certificate.
package struct PublicationURLs: Sendable {
    /// Without a final slash: `http://ca.example:8080`.
    package let base: String
    package init(base: String) { self.base = base.hasSuffix("/") ? String(base.dropLast()) : base }
    package func crl(_ issuer: String) -> String { "\(base)/crl/\(issuer).crl" }
    package func certificate(_ issuer: String) -> String { "\(base)/issuer/\(issuer).cer" }
}

extension Sequence<UInt8> {
    /// Lower-case hexadecimal, two digits an octet.
    package var hex: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
