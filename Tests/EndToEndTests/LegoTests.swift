import Foundation
import TestSupport
import Testing

/// Debian's lego, unmodified.
@Suite(.serialized) struct LegoTests {
    private func lego(
        _ authority: TestAuthority, _ folder: TemporaryFolder, _ flags: [String], _ command: [String],
        environment: [String: String] = [:]
    ) async throws {
        let common = ["--path", folder.path, "--server", authority.directory, "--email", "admin@example.com", "--accept-tos"]
        try await Program.succeed(
            "lego", common + flags + command,
            environment: environment.merging(["LEGO_CA_CERTIFICATES": authority.root]) { $1 })
    }

    @Test func `lego gets a certificate by http-01, renews it and revokes it`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let folder = try TemporaryFolder()
        let flags = ["--http", "--http.port", ":\(authority.http01Port)", "-d", "lego.e2e.test"]
        try await lego(authority, folder, flags, ["run"])
        let certificate = folder.path("certificates/lego.e2e.test.crt")
        let verdict = try await authority.accepts(certificate, name: "lego.e2e.test")
        #expect(verdict.status == 0, "\(verdict)")
        let first = try String(contentsOfFile: certificate, encoding: .utf8)
        try await lego(authority, folder, flags, ["renew", "--days", "90", "--no-random-sleep"])
        #expect(try String(contentsOfFile: certificate, encoding: .utf8) != first)
        try await lego(authority, folder, flags, ["revoke", "--keep", "--reason", "4"])
        let kept =
            FileManager.default.fileExists(atPath: certificate)
            ? certificate : folder.path("archives/lego.e2e.test.crt")
        if FileManager.default.fileExists(atPath: kept) { try await authority.publishesRevocation(of: kept) }
    }

    @Test(arguments: ["rsa2048", "rsa4096", "ec256", "ec384"])
    func `lego gets a certificate by tls-alpn-01 for each kind of key`(keyType: String) async throws {
        let authority = try await TestAuthority(names: NameServer())
        let folder = try TemporaryFolder()
        try await lego(
            authority, folder,
            ["--tls", "--tls.port", ":\(authority.tlsALPN01Port)", "--key-type", keyType, "-d", "alpn.e2e.test"], ["run"])
        #expect(try await authority.accepts(folder.path("certificates/alpn.e2e.test.crt"), name: "alpn.e2e.test").status == 0)
    }

    @Test func `lego gets a wildcard by dns-01 through a program`() async throws {
        let names = try await NameServer()
        let authority = try await TestAuthority(names: names)
        let folder = try TemporaryFolder()
        try await lego(
            authority, folder,
            [
                "--dns", "exec", "--dns.resolvers", names.address, "--dns.disable-cp",
                "-d", "*.dns.e2e.test", "-d", "dns.e2e.test",
            ], ["run"],
            environment: ["EXEC_PATH": try names.hook(), "EXEC_PROPAGATION_TIMEOUT": "5", "EXEC_POLLING_INTERVAL": "1"])
        #expect(try await authority.accepts(folder.path("certificates/_.dns.e2e.test.crt"), name: "x.dns.e2e.test").status == 0)
    }
}
