internal import SwiftASN1
internal import X509

/// The certificate that answers tls-alpn-01 (RFC 8737 section 3).
struct ProofCertificate {
    /// id-pe-acmeIdentifier.
    static let acmeIdentifier: ASN1ObjectIdentifier = [1, 3, 6, 1, 5, 5, 7, 1, 31]
    /// What drafts used: accepting it was one of the faults behind the mass revocation of January 2022.
    static let draftIdentifier: ASN1ObjectIdentifier = [1, 3, 6, 1, 5, 5, 7, 1, 30, 1]
    let der: [UInt8]

    /// What is wrong with it, completing `a certificate …` with what to change; nil if it proves control of `name`.
    /// - Parameter digest: of the key authorization, 32 octets.
    func fault(name: String, digest: [UInt8]) -> String? {
        // Repeated extensions fail here too.
        guard let certificate = try? Certificate(derEncoded: der) else {
            return
                "that cannot be read (a repeated extension, a key other than P-256, P-384, P-521, Ed25519 or RSA from 2048 bits?)"
        }
        guard certificate.publicKey.isValidSignature(certificate.signature, for: certificate) else {
            return "that is not signed with its own key; make it self-signed"
        }
        let names: [GeneralName]
        do { names = try certificate.extensions.subjectAlternativeNames.map(Array.init) ?? [] } catch {
            return "with a subjectAltName that cannot be read"
        }
        guard names.count == 1, case .dnsName(let found)? = names.first, found.utf8.elementsEqualIgnoringCase(name.utf8) else {
            return "with \(names.count) alternative names; it needs one dNSName, \(name), and nothing else"
        }
        let proofs = certificate.extensions.filter { $0.oid == Self.acmeIdentifier }
        guard let proof = proofs.first, proofs.count == 1 else {
            let draft = certificate.extensions.contains { $0.oid == Self.draftIdentifier }
            return draft
                ? "with the acmeIdentifier extension of a draft; use \(Self.acmeIdentifier)"
                : "without exactly one acmeIdentifier extension (\(Self.acmeIdentifier))"
        }
        guard proof.critical else { return "whose acmeIdentifier extension is not critical" }
        // OCTET STRING of 32 octets.
        guard proof.value.elementsEqual([0x04, 0x20] + digest) else {
            return "whose acmeIdentifier extension does not hold the SHA-256 digest of the key authorization as an OCTET STRING"
        }
        return nil
    }
}

extension Sequence<UInt8> {
    func elementsEqualIgnoringCase(_ other: some Sequence<UInt8>) -> Bool {
        func folded(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }
        return elementsEqual(other) { folded($0) == folded($1) }
    }
}
