import Foundation
import PKIX
import SwiftASN1
import TestSupport
import Testing
@_spi(FixedExpiryValidationTime) import X509

@Suite struct ChainTests {
    static let kinds: [[String]] = [
        ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"], ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"], ["-algorithm", "ed25519"],
    ]

    @Test(arguments: kinds)
    func `openssl accepts root, intermediate, leaf and revocation lists of every kind of key`(options: [String]) async throws {
        let hierarchy = try await TestHierarchy(opensslKey(options), opensslKey(options))
        let leaf = try await hierarchy.sign(hierarchy.describe(try await opensslKey(options).publicKey))
        #expect(leaf.isSigned(by: hierarchy.intermediate) && hierarchy.intermediate.isSigned(by: hierarchy.root))
        #expect(hierarchy.root.isSigned(by: hierarchy.root) && !leaf.isSigned(by: hierarchy.root))

        let folder = try TemporaryFolder()
        let root = try folder.write("root.pem", hierarchy.root.pem)
        let intermediate = try folder.write("intermediate.pem", hierarchy.intermediate.pem)
        let leafFile = try folder.write("leaf.pem", leaf.pem)
        let time = ["-attime", "\(Int(TestHierarchy.now.timeIntervalSince1970) + 60)"]
        try await Program.succeed(
            "openssl",
            ["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "a.example.com"] + time
                + ["-CAfile", root, "-untrusted", intermediate, leafFile])

        let revoked = RevocationList.Entry(serial: leaf.serial, revokedAt: TestHierarchy.now, reason: 1)
        for (entries, status) in [([], Int32(0)), ([revoked], 2)] {
            let list = try folder.write("list.pem", PEM.encode("X509 CRL", hierarchy.list(entries)))
            let outcome = try await Program.run(
                "openssl",
                ["verify", "-crl_check", "-CRLfile", list] + time + ["-CAfile", root, "-untrusted", intermediate, leafFile])
            #expect(outcome.status == status, "\(outcome)")
        }
    }

    @Test func `swift-certificates verifies the chain and its name constraints`() async throws {
        let hierarchy = try await TestHierarchy(.init(.p256), .init(.p384), permitted: ["example.com"])
        let leaf = try await hierarchy.sign(hierarchy.describe(CertificateKey(.p256).publicKey))
        let foreign = ToBeSigned(
            hierarchy.describe(try CertificateKey(.p256).publicKey, ["www.example.net"]), signedWith: hierarchy.issuer.scheme)
        #expect(throws: LintFailure.self) { _ = try Linted(foreign, issuer: hierarchy.issuer, at: TestHierarchy.now) }

        let signature = PKIX.DER.bitString(try hierarchy.key.sign(foreign.bytes))
        let smuggled = PKIX.DER.sequence(foreign.bytes, hierarchy.issuer.scheme.algorithmIdentifier, signature)
        for (der, name, isValid) in [(leaf.der, "www.example.com", true), (smuggled, "www.example.net", false)] {
            let root = try Certificate(derEncoded: hierarchy.root.der)
            var verifier = Verifier(rootCertificates: CertificateStore([root])) {
                RFC5280Policy(fixedExpiryValidationTime: TestHierarchy.now + 60)
                ServerIdentityPolicy(serverHostname: name, serverIP: nil)
            }
            let intermediate = try Certificate(derEncoded: hierarchy.intermediate.der)
            let result = await verifier.validate(
                leaf: try Certificate(derEncoded: der), intermediates: CertificateStore([intermediate]))
            if case .validCertificate = result { #expect(isValid) } else { #expect(!isValid, "\(result)") }
        }
    }

    @Test func `openssl prints what the description says`() async throws {
        let hierarchy = try await TestHierarchy(
            .init(.p256), .init(.p256), permitted: ["example.com"], crlURL: "http://ca/root.crl", issuerURL: "http://ca/root.cer")
        let leaf = try await hierarchy.sign(hierarchy.describe(CertificateKey(.p256).publicKey))
        let folder = try TemporaryFolder()
        let printed = try await Program.succeed(
            "openssl", ["x509", "-noout", "-text", "-in", folder.write("leaf.pem", leaf.pem)])
        for text in [
            "Version: 3", "Not Before: Nov 25 00:00:00 2026 GMT", "Not After : Jan  8 23:59:59 2027 GMT", "Subject: \n",
            "X509v3 Basic Constraints: critical\n                CA:FALSE",
            "X509v3 Key Usage: critical\n                Digital Signature\n", "TLS Web Server Authentication\n",
            "X509v3 Subject Alternative Name: critical\n                DNS:www.example.com, DNS:*.example.com",
            "CA Issuers - URI:http://ca.example.com/issuer/1.cer", "URI:http://ca.example.com/crl/1.crl",
            "Issuer: O = Tests, CN = Test Intermediate",
        ] { #expect(printed.contains(text), "\(text) is missing in \(printed)") }
        let authority = try await Program.succeed(
            "openssl", ["x509", "-noout", "-text", "-in", folder.write("ca.pem", hierarchy.intermediate.pem)])
        for text in [
            "CA:TRUE, pathlen:0", "Key Usage: critical\n                Certificate Sign, CRL Sign",
            "X509v3 Name Constraints: critical\n                Permitted:\n                  DNS:example.com",
            "URI:http://ca/root.crl", "CA Issuers - URI:http://ca/root.cer",
        ] { #expect(authority.contains(text), "\(text) is missing in \(authority)") }
    }

    @Test func `an RSA leaf may also transport keys`() async throws {
        let hierarchy = try await TestHierarchy()
        let key = try await opensslKey(Self.kinds[3]).publicKey
        let leaf = try await hierarchy.sign(hierarchy.describe(key))
        #expect(leaf.extensionValue(.keyUsage)?.value == [0x03, 0x02, 0x05, 0xa0])
    }

    @Test func `a signature by another key than the issuer's is not put into a certificate`() async throws {
        let hierarchy = try await TestHierarchy()
        let description = hierarchy.describe(try CertificateKey(.p256).publicKey)
        let stranger = try CertificateKey(.p256)
        await #expect(throws: Unacceptable.self) {
            let linted = try Linted(
                ToBeSigned(description, signedWith: hierarchy.issuer.scheme), issuer: hierarchy.issuer, at: TestHierarchy.now)
            _ = try await linted.signed { try stranger.sign($0) }
        }
    }

    @Test(arguments: [
        ["-newkey", "ed448"], ["-newkey", "rsa:1024"], ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
    ])
    func `certificates of keys unknown here can be read, though not verified`(algorithm: [String]) async throws {
        let folder = try TemporaryFolder()
        let options = ["-subj", "/CN=x", "-days", "1", "-keyout", folder.path("k"), "-addext", "subjectAltName=DNS:a.b"]
        let pem = try await Program.succeed("openssl", ["req", "-x509", "-nodes"] + options + algorithm)
        let certificate = try Certificate509(der: try #require(PEM.decode(pem).first).bytes)
        #expect(certificate.dnsNames == ["a.b"])
        #expect(!certificate.isSigned(by: certificate))
    }
}
