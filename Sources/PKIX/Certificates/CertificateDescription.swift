package import struct Foundation.Date

/// What a certificate is to say, before it is bytes. Any description can be written down; only one that the linter accepts
/// can be signed.
package struct CertificateDescription: Sendable {
    /// Big-endian magnitude; see `serial(from:)`.
    package var serial: [UInt8]
    package var issuer: DistinguishedName
    package var subject: DistinguishedName
    /// Rounded down to the second, both ends included in the validity: `notAfter - notBefore + 1 s` is the period.
    package var notBefore: Date
    package var notAfter: Date
    package var publicKey: PublicKeyInfo
    package var extensions: [Extension]

    package init(
        serial: [UInt8], issuer: DistinguishedName, subject: DistinguishedName, notBefore: Date, notAfter: Date,
        publicKey: PublicKeyInfo, extensions: [Extension]
    ) {
        (self.serial, self.issuer, self.subject) = (serial, issuer, subject)
        (self.notBefore, self.notAfter, self.publicKey, self.extensions) = (notBefore, notAfter, publicKey, extensions)
    }

    /// A serial number of 127 random bits: positive, at most 16 octets, never zero.
    /// - Parameter random: 16 octets of a CSPRNG. Nil for octets that give no acceptable serial (fewer than 64 bits of
    ///   them in use, of which chance is 2^-63): draw again.
    package static func serial(from random: [UInt8]) -> [UInt8]? {
        guard random.count == 16 else { return nil }
        let serial = [random[0] & 0x7f] + random.dropFirst()
        return serial.prefix(8).allSatisfy { $0 == 0 } ? nil : serial
    }

    /// The last second of a period that begins at `notBefore`, by RFC 5280's inclusive reckoning.
    package static func notAfter(_ notBefore: Date, lasting seconds: Int) -> Date {
        Date(timeIntervalSince1970: notBefore.timeIntervalSince1970.rounded(.down) + Double(seconds) - 1)
    }

    /// A server's certificate with an empty subject, hence a critical subjectAltName.
    /// - Parameters:
    ///   - names: lower-case A-labels, validated by the caller; the linter checks them again.
    ///   - addresses: of the authority's own server only; 4 or 16 octets each.
    package static func leaf(
        names: [String], addresses: [[UInt8]] = [], key: PublicKeyInfo, issuer: IssuerDescription, serial: [UInt8],
        notBefore: Date, notAfter: Date,
        crlURL: String?, issuerURL: String?
    ) -> CertificateDescription {
        let extensions: [Extension?] = [
            .notCA, .keyUsage(.server(key.algorithm)), .extendedKeyUsage([.serverAuth]),
            .subjectAlternativeName(names, addresses: addresses, critical: true), .authorityKeyIdentifier(issuer.keyIdentifier),
            .subjectKeyIdentifier(key.keyIdentifier), issuerURL.map { .issuerURL($0) }, crlURL.map { .crlURL($0) },
        ]
        return CertificateDescription(
            serial: serial, issuer: issuer.name, subject: .empty, notBefore: notBefore, notAfter: notAfter, publicKey: key,
            extensions: extensions.compactMap { $0 })
    }

    /// A self-signed root: no path length, no extended key usage.
    package static func root(
        name: DistinguishedName, key: PublicKeyInfo, serial: [UInt8], notBefore: Date, notAfter: Date
    ) -> CertificateDescription {
        CertificateDescription(
            serial: serial, issuer: name, subject: name, notBefore: notBefore, notAfter: notAfter, publicKey: key,
            extensions: [
                .isCA(pathLength: nil), .keyUsage([.keyCertSign, .crlSign]), .subjectKeyIdentifier(key.keyIdentifier),
                .authorityKeyIdentifier(key.keyIdentifier),
            ])
    }

    /// The issuer of leaves: path length 0, for TLS only.
    /// - Parameter permitted: DNS names that certificates below may bear, with everything under them; nil for all.
    package static func intermediate(
        name: DistinguishedName, key: PublicKeyInfo, issuer: IssuerDescription, serial: [UInt8], notBefore: Date, notAfter: Date,
        permitted: [String]? = nil, crlURL: String? = nil, issuerURL: String? = nil
    ) -> CertificateDescription {
        let extensions: [Extension?] = [
            .isCA(pathLength: 0), .keyUsage([.keyCertSign, .crlSign]), .extendedKeyUsage([.serverAuth, .clientAuth]),
            .subjectKeyIdentifier(key.keyIdentifier), .authorityKeyIdentifier(issuer.keyIdentifier),
            permitted.map { .nameConstraints(permitted: $0) }, issuerURL.map { .issuerURL($0) }, crlURL.map { .crlURL($0) },
        ]
        return CertificateDescription(
            serial: serial, issuer: issuer.name, subject: name, notBefore: notBefore, notAfter: notAfter, publicKey: key,
            extensions: extensions.compactMap { $0 })
    }
}
