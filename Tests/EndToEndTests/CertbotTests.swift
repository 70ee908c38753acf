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

    @Test func `S-7.4.2-2 certbot prefers a chain to another root, and openssl accepts it there`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        try await authority.stop()
        let folder = try TemporaryFolder()
        let (key, root, extensions) = (folder.path("other.key"), folder.path("other.pem"), folder.path("extensions"))
        try await Program.succeed(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                "/CN=Other Root", "-addext", "keyUsage=critical,keyCertSign", "-keyout", key, "-out", root,
            ])
        try folder.write(
            "extensions",
            """
            basicConstraints=critical,CA:TRUE,pathlen:0
            keyUsage=critical,keyCertSign,cRLSign
            subjectKeyIdentifier=hash
            authorityKeyIdentifier=keyid

            """)
        try FileManager.default.createDirectory(atPath: "\(authority.data)/chains", withIntermediateDirectories: true)
        // The other authority is given name and key, in a request whose own key does not matter.
        let intermediate = "\(authority.data)/intermediate.pem"
        let subject = try await Program.succeed(
            "openssl", ["x509", "-in", intermediate, "-noout", "-subject", "-nameopt", "RFC2253"])
        let name = try #require(subject.trimmingCharacters(in: .newlines).split(separator: "=", maxSplits: 1).last)
        try folder.write(
            "key.pem", try await Program.succeed("openssl", ["x509", "-in", intermediate, "-noout", "-pubkey"]))
        try await Program.succeed(
            "openssl", ["req", "-new", "-key", key, "-subj", "/\(name)", "-out", folder.path("request.pem")])
        try await Program.succeed(
            "openssl",
            [
                "x509", "-req", "-in", folder.path("request.pem"), "-force_pubkey", folder.path("key.pem"), "-CA", root, "-CAkey",
                key,
                "-set_serial", "0x7777777777", "-days", "20", "-extfile", extensions, "-out",
                "\(authority.data)/chains/5-other.pem",
            ])
        try await authority.start()
        _ = try await certbot(
            authority, folder,
            [
                "certonly", "--standalone", "--http-01-port", "\(authority.http01Port)", "-d", "chain.e2e.test",
                "--preferred-chain",
                "Other Root",
            ] + agree)
        let chain = folder.path("etc/live/chain.e2e.test/fullchain.pem")
        let verdict = try await Program.run(
            "openssl",
            ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", root, "-untrusted", chain, chain])
        #expect(verdict.status == 0, "\(verdict)")
        #expect(try await authority.accepts(chain, name: "chain.e2e.test").status != 0, "it does not lead to our own root")
    }
}
