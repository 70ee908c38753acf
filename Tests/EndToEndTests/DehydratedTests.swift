import Foundation
import TestSupport
import Testing

/// Debian's dehydrated (a shell script over curl and openssl), unmodified.
@Suite(.serialized) struct DehydratedTests {
    @Test func `dehydrated registers, gets a certificate by webroot and revokes it`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let web = try await WebServer(port: authority.http01Port)
        let folder = try TemporaryFolder()
        let challenges = "\(web.webroot)/.well-known/acme-challenge"
        try FileManager.default.createDirectory(atPath: challenges, withIntermediateDirectories: true)
        try folder.write(
            "config",
            """
            CA="\(authority.directory)"
            BASEDIR="\(folder.path)"
            WELLKNOWN="\(challenges)"
            CURL_OPTS="--cacert \(authority.root)"
            CONTACT_EMAIL=admin@example.com
            KEY_ALGO=prime256v1

            """)
        try folder.write("domains.txt", "shell.e2e.test www.shell.e2e.test\n")
        let configuration = ["--config", folder.path("config")]
        try await Program.succeed("dehydrated", ["--register", "--accept-terms"] + configuration)
        try await Program.succeed("dehydrated", ["--cron"] + configuration)
        let certificates = folder.path("certs/shell.e2e.test")
        let verdict = try await authority.accepts("\(certificates)/fullchain.pem", name: "www.shell.e2e.test")
        #expect(verdict.status == 0, "\(verdict)")
        let kept = folder.path("kept.pem")
        try FileManager.default.copyItem(
            atPath: URL(fileURLWithPath: "\(certificates)/cert.pem").resolvingSymlinksInPath().path, toPath: kept)
        try await Program.succeed("dehydrated", ["--revoke", "\(certificates)/cert.pem"] + configuration)
        try await authority.publishesRevocation(of: kept)
    }
}
