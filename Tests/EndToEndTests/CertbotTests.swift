import Foundation
import TestSupport
import Testing

/// certbot from PyPI, unmodified.
@Suite(.serialized) struct CertbotTests {
    /// certbot with folders of its own; `script/install test` puts it beside the build.
    private func certbot(_ authority: TestAuthority, _ folder: TemporaryFolder, _ arguments: [String]) async throws -> String {
        try await Program.succeed(
            Tools.certbot("certbot"),
            arguments + [
                "--non-interactive", "--server", authority.directory, "--config-dir", folder.path("etc"),
                "--work-dir", folder.path("var"), "--logs-dir", folder.path("log"),
            ], environment: ["REQUESTS_CA_BUNDLE": authority.root])
    }

    private let agree = ["--agree-tos", "-m", "admin@example.com", "--no-eff-email"]

    @Test func `certbot gets a certificate by webroot, renews it and revokes it`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let web = try await WebServer(port: authority.http01Port)
        let folder = try TemporaryFolder()
        _ = try await certbot(
            authority, folder,
            ["certonly", "--webroot", "-w", web.webroot, "-d", "web.e2e.test", "-d", "www.web.e2e.test"] + agree)
        let live = folder.path("etc/live/web.e2e.test")
        let verdict = try await authority.accepts("\(live)/fullchain.pem", name: "www.web.e2e.test")
        #expect(verdict.status == 0, "\(verdict)")
        try await web.serve(certificate: "\(live)/fullchain.pem", key: "\(live)/privkey.pem")
        try await eventually("nginx serving certbot's certificate") {
            try await web.servedSerial("web.e2e.test", root: authority.root) != nil
        }
        _ = try await certbot(authority, folder, ["renew", "--force-renewal", "--no-random-sleep-on-renew"])
        #expect(try await authority.certificates().count >= 3)
        _ = try await certbot(
            authority, folder,
            ["revoke", "--cert-path", "\(live)/cert.pem", "--reason", "superseded", "--no-delete-after-revoke"])
        try await authority.publishesRevocation(of: "\(live)/cert.pem")
    }

    @Test func `certbot standalone updates its account and deactivates it`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let folder = try TemporaryFolder()
        _ = try await certbot(
            authority, folder,
            ["certonly", "--standalone", "--http-01-port", "\(authority.http01Port)", "-d", "alone.e2e.test"] + agree)
        #expect(
            try await authority.accepts(folder.path("etc/live/alone.e2e.test/fullchain.pem"), name: "alone.e2e.test").status == 0)
        _ = try await certbot(authority, folder, ["update_account", "-m", "other@example.com", "--no-eff-email"])
        _ = try await certbot(authority, folder, ["show_account"])
        _ = try await certbot(authority, folder, ["unregister"])
    }

    @Test(arguments: ["rsa", "ecdsa"])
    func `certbot gets a wildcard and its base name through a DNS hook`(keyType: String) async throws {
        let names = try await NameServer()
        let authority = try await TestAuthority(names: names)
        let folder = try TemporaryFolder()
        _ = try await certbot(
            authority, folder,
            [
                "certonly", "--manual", "--preferred-challenges", "dns", "--manual-auth-hook", try names.certbotHook("present"),
                "--manual-cleanup-hook", try names.certbotHook("cleanup"), "--key-type", keyType,
                "-d", "wild.e2e.test", "-d", "*.wild.e2e.test",
            ] + agree)
        let chain = folder.path("etc/live/wild.e2e.test/fullchain.pem")
        #expect(try await authority.accepts(chain, name: "any.wild.e2e.test").status == 0)
        #expect(try await authority.accepts(chain, name: "wild.e2e.test").status == 0)
        #expect(try await authority.accepts(chain, name: "too.deep.wild.e2e.test").status != 0)
    }
}
