import ACME
import ACMEClient
import Foundation
import TestSupport
import Testing

/// The clock jumps under a running server (a debug build's test clock).
@Suite(.serialized) struct ClockTests {
    /// TLS files of the machine's time, since the authority's own certificate goes by the other.
    private func tls(_ folder: TemporaryFolder) async throws -> (certificate: String, key: String) {
        let (certificate, key) = (folder.path("tls.pem"), folder.path("tls.key"))
        try await Program.succeed(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=clock",
                "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate,
            ])
        return (certificate, key)
    }

    private func dates(_ authority: TestAuthority, _ leaf: [UInt8]) async throws -> (begin: Date, end: Date) {
        let file = authority.folder.path("leaf.der")
        try Data(leaf).write(to: URL(fileURLWithPath: file))
        let text = try await Program.succeed(
            "openssl", ["x509", "-inform", "DER", "-in", file, "-noout", "-startdate", "-enddate", "-dateopt", "iso_8601"])
        let found = text.matches(of: /=(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\dZ)/).compactMap { match in
            try? Date("\(match.output.1)T\(match.output.2)", strategy: .iso8601)
        }
        return (try #require(found.first), try #require(found.last))
    }

    @Test func `a clock set back signs nothing, and one set forward nothing beyond the profile`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let key = SigningKey(.p256)
        let responder = try await StatelessResponder(port: authority.http01Port, thumbprint: key.jwk.thumbprint)
        try await authority.stop()
        let clock = try authority.folder.write("clock", "0")
        func set(_ offset: Int) throws { try "\(offset)\n".write(toFile: clock, atomically: true, encoding: .utf8) }
        let environment = ["CHANCERY_FAULT_CLOCK": clock]
        try await authority.start(environment: environment)
        let subscriber = try await Subscriber(authority, key: key, isPatient: false)
        _ = try await subscriber.issue(["now.e2e.test"])

        try set(-3600)
        await #expect { try await subscriber.issue(["back.e2e.test"]) } throws: { error in
            guard case ACMEClientError.rateLimited? = error as? ACMEClientError else { return false }
            return true
        }
        func readiness() async throws -> String {
            try await Program.succeed("curl", ["-s", "http://127.0.0.1:\(authority.httpPort)/readyz"])
        }
        #expect(try await readiness().contains("clock"))
        let list = try await Program.run(
            Program.built("chanceryd"), ["crl", "publish", "--data", authority.data], environment: environment)
        #expect(list.status == 76, "\(list)")

        try set(0)
        let again = try await subscriber.issue(["again.e2e.test"])
        #expect(try await dates(authority, again.leaf).end.timeIntervalSinceNow < 45 * 86_400)
        try set(86_400)
        let (begin, end) = try await dates(authority, subscriber.issue(["tomorrow.e2e.test"]).leaf)
        #expect(end.timeIntervalSince(begin) + 1 == 45 * 86_400)
        #expect((86_200...86_460).contains(begin.timeIntervalSinceNow))

        #expect(try await authority.stop() == 0)
        try set(0)
        #expect(try await authority.launch(environment: environment).ended() == 76, "a day behind the record")
        withExtendedLifetime(responder) {}
    }

    @Test func `past 2049 dates are written as RFC 5280 wants them, and stay within the profile`() async throws {
        let folder = try TemporaryFolder()
        let target = try Date("2049-12-20T12:00:00Z", strategy: .iso8601)
        let clock = try folder.write("clock", "\(Int(target.timeIntervalSinceNow))\n")
        let environment = ["CHANCERY_FAULT_CLOCK": clock]
        let data = folder.path("future")
        try await Program.succeed(
            Program.built("chanceryd"), ["init", "--data", data], environment: environment)
        let (certificate, tlsKey) = try await tls(folder)
        let authority = try await TestAuthority(
            names: NameServer(), flags: ["--tls-certificate", certificate, "--tls-key", tlsKey], template: data,
            environment: environment)
        let key = SigningKey(.p256)
        let responder = try await StatelessResponder(port: authority.http01Port, thumbprint: key.jwk.thumbprint)
        let subscriber = try await Subscriber(authority, key: key, trusting: certificate)
        let issued = try await subscriber.issue(["future.e2e.test"])
        let (begin, end) = try await dates(authority, issued.leaf)
        #expect(end.timeIntervalSince(begin) + 1 == 45 * 86_400)
        #expect((0..<180).contains(target.timeIntervalSince(begin) + 60))
        let file = authority.folder.path("leaf.der")
        let dump = try await Program.succeed("openssl", ["asn1parse", "-inform", "DER", "-in", file])
        #expect(dump.contains("UTCTIME") && dump.contains("GENERALIZEDTIME") && dump.contains(":2050"))

        // Lists too, and openssl finds its way with both at that time.
        let list = try await Program.succeed(
            Program.built("chanceryd"), ["crl", "publish", "--json", "--data", authority.data], environment: environment)
        #expect(list.contains("2049-12-2"))
        let pem = try await Program.succeed("openssl", ["x509", "-inform", "DER", "-in", file])
        let leaf = try authority.folder.write("leaf.pem", pem)
        let verdict = try await Program.run(
            "openssl",
            [
                "verify", "-x509_strict", "-attime", "\(Int(target.timeIntervalSince1970) + 60)", "-CAfile", authority.root,
                "-untrusted",
                "\(authority.data)/intermediate.pem", leaf,
            ])
        #expect(verdict.status == 0, "\(verdict)")
        #expect(try await authority.stop() == 0)
        withExtendedLifetime(responder) {}
    }
}
