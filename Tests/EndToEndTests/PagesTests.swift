import Foundation
import TestSupport
import Testing

/// What a person with curl and openssl sees of a running `chanceryd`.
@Suite(.serialized) struct PagesTests {
    private func curl(_ authority: TestAuthority, _ arguments: String...) async throws -> Program.Outcome {
        try await Program.run("curl", ["-sS", "--cacert", authority.root] + arguments)
    }

    @Test func `root, start page, health and metrics are served on both listeners`() async throws {
        let authority = try await TestAuthority()
        let root = try String(contentsOfFile: authority.root, encoding: .utf8)
        for base in [authority.base, "http://127.0.0.1:\(authority.httpPort)"] {
            #expect(try await curl(authority, "\(base)/root.pem").output == root)
        }
        let page = try await curl(authority, authority.base).output
        #expect(page.contains(authority.directory))
        #expect(page.contains("certbot") && page.contains("lego") && page.contains("chancery"))
        #expect(try await curl(authority, "-f", "\(authority.base)/healthz").status == 0)
        #expect(try await curl(authority, "-f", "\(authority.base)/readyz").status == 0)
        #expect(try await curl(authority, "\(authority.base)/metrics").output.contains("# TYPE chancery_"))
    }

    @Test func `plain HTTP speaks no ACME`() async throws {
        let authority = try await TestAuthority()
        let answer = try await curl(
            authority, "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:\(authority.httpPort)/acme/default/directory")
        #expect(answer.output == "404")
    }

    @Test func `openssl finds TLS 1.2 and 1.3 with the authority's own chain, and nothing older`() async throws {
        let authority = try await TestAuthority()
        for (flag, works) in [("-tls1_2", true), ("-tls1_3", true), ("-tls1_1", false)] {
            let session = try await Program.run(
                "openssl",
                [
                    "s_client", flag, "-connect", "127.0.0.1:\(authority.port)", "-CAfile", authority.root,
                    "-verify_return_error",
                    "-verify_ip", "127.0.0.1",
                ])
            #expect((session.status == 0) == works, "\(flag): \(session)")
        }
    }

    @Test func `newNonce answers HEAD with 200 and GET with 204, never to be stored`() async throws {
        let authority = try await TestAuthority()
        for (method, status) in [("-I", "200"), ("-i", "204")] {
            let answer = try await curl(authority, method, "\(authority.base)/acme/default/new-nonce").output.lowercased()
            #expect(answer.hasPrefix("http/1.1 \(status)"), "\(answer)")
            #expect(answer.contains("replay-nonce: ") && answer.contains("cache-control: no-store"), "\(answer)")
        }
    }

    @Test func `the root's folder can be taken away while the server goes on issuing`() async throws {
        let authority = try await TestAuthority()
        try FileManager.default.moveItem(atPath: "\(authority.data)/root", toPath: authority.folder.path("vault"))
        try await authority.stop()
        try await authority.start()
        #expect(try await curl(authority, "-f", "\(authority.base)/readyz").status == 0)
    }
}
