extension CertificateRequest {
    /// A request for a server's certificate, for the client.
    /// - Parameters:
    ///   - names: at least one; all stand in the subjectAltName, in this order.
    ///   - commonName: one of the names, for servers that want a subject; else the subject is empty.
    /// - Returns: DER of the CertificationRequest, signed by `key`.
    /// - Throws: `.names` without a name or for a name outside ASCII; `.signature` if the key cannot sign.
    package static func make(names: [String], key: CertificateKey, commonName: String? = nil) throws(Unacceptable) -> [UInt8] {
        guard !names.isEmpty, names.allSatisfy({ name in !name.isEmpty && name.utf8.allSatisfy { (0x21...0x7e).contains($0) } })
        else { throw .names("a request needs names in ASCII") }
        let extensions = DER.sequence(Extension.subjectAlternativeName(names, critical: commonName == nil).der)
        let info = DER.sequence(
            DER.integer(0), (commonName.map { DistinguishedName(commonName: $0) } ?? .empty).der, key.publicKey.der,
            DER.constructed(0, DER.sequence(OID.extensionRequest.der, DER.set(extensions))))
        guard let signature = try? key.sign(info) else { throw .signature("the key did not sign the request") }
        return DER.sequence(info, key.scheme.algorithmIdentifier, DER.bitString(signature))
    }
}
