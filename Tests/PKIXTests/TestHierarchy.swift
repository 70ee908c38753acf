import Foundation
import PKIX
import TestSupport

/// A root, an intermediate and what they sign, at one fixed moment.
struct TestHierarchy {
    static let now = date("2026-11-25T00:00:00Z")
    static let day = 86_400

    let rootKey: CertificateKey
    let key: CertificateKey
    let root: Certificate509
    let intermediate: Certificate509
    let rootIssuer: IssuerDescription
    let issuer: IssuerDescription

    static func date(_ text: String) -> Date {
        (try? Date(text, strategy: .iso8601)) ?? .distantPast
    }
    static func serial() -> [UInt8] {
        CertificateDescription.serial(from: (0..<16).map { _ in .random(in: 0...255) }) ?? serial()
    }

    init(
        _ rootKey: CertificateKey, _ key: CertificateKey, permitted: [String]? = nil, crlURL: String? = nil,
        issuerURL: String? = nil
    ) async throws {
        (self.rootKey, self.key) = (rootKey, key)
        let name = DistinguishedName(commonName: "Test Root", organization: "Tests")
        let rootDescription = CertificateDescription.root(
            name: name, key: rootKey.publicKey, serial: Self.serial(), notBefore: Self.now,
            notAfter: CertificateDescription.notAfter(Self.now, lasting: 3650 * Self.day))
        let rootBytes = ToBeSigned(rootDescription, signedWith: rootKey.scheme)
        root = try await Certificate509(
            der: Linted(root: rootBytes, key: rootKey.publicKey, at: Self.now).signed { try rootKey.sign($0) })
        rootIssuer = try IssuerDescription(root)
        let description = CertificateDescription.intermediate(
            name: DistinguishedName(commonName: "Test Intermediate", organization: "Tests"), key: key.publicKey,
            issuer: rootIssuer,
            serial: Self.serial(), notBefore: Self.now,
            notAfter: CertificateDescription.notAfter(Self.now, lasting: 1825 * Self.day),
            permitted: permitted, crlURL: crlURL, issuerURL: issuerURL)
        intermediate = try await Certificate509(
            der: Linted(ToBeSigned(description, signedWith: rootKey.scheme), as: .intermediate, issuer: rootIssuer, at: Self.now)
                .signed { try rootKey.sign($0) })
        issuer = try IssuerDescription(intermediate)
    }

    init(_ kind: CertificateKey.Kind = .p256, permitted: [String]? = nil) async throws {
        try await self.init(CertificateKey(kind), CertificateKey(kind), permitted: permitted)
    }

    func describe(
        _ key: PublicKeyInfo, _ names: [String] = ["www.example.com", "*.example.com"], lasting days: Int = 45
    ) -> CertificateDescription {
        .leaf(
            names: names, key: key, issuer: issuer, serial: Self.serial(), notBefore: Self.now,
            notAfter: CertificateDescription.notAfter(Self.now, lasting: days * Self.day),
            crlURL: "http://ca.example.com/crl/1.crl", issuerURL: "http://ca.example.com/issuer/1.cer")
    }

    func sign(_ description: CertificateDescription) async throws -> Certificate509 {
        let linted = try Linted(ToBeSigned(description, signedWith: issuer.scheme), issuer: issuer, at: Self.now)
        return try await Certificate509(der: linted.signed { try key.sign($0) })
    }

    func list(_ entries: [RevocationList.Entry], number: Int64 = 1) throws -> [UInt8] {
        var draft = RevocationListDraft()
        for entry in entries { draft.add(entry) }
        let tbs = draft.toBeSigned(
            issuer: issuer, number: number, thisUpdate: Self.now, nextUpdate: Self.now + 7 * 86_400)
        return try RevocationList.assemble(tbs: tbs, signature: key.sign(tbs), issuer: issuer)
    }
}

/// A key that openssl made, read from its PEM: quicker than making RSA keys here, and a test of reading.
func opensslKey(_ options: [String]) async throws -> CertificateKey {
    try CertificateKey(pem: await Program.succeed("openssl", ["genpkey"] + options))
}
