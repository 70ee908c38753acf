import ACME
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import TestSupport
import Testing

@testable import Agent

struct SolverTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    static let answer = ChallengeAnswer(
        name: "a.test", token: "tok_EN-1", keyAuthorization: KeyAuthorization(token: "tok_EN-1", thumbprint: "thumb"))

    private func curl(_ arguments: String...) async throws -> String {
        try await Program.run("curl", ["-s", "-S", "-m", "20", "-w", "|%{http_code}"] + arguments).output
    }

    @Test func `C-8.3-1 standalone serves the exact bytes of live tokens on IPv4 and IPv6, and 404 for all else`() async throws {
        let port = try freePort()
        let solver = StandaloneHTTP(port: port)
        try await solver.prepare()
        try await solver.present(Self.answer)
        let base = "http://127.0.0.1:\(port)/.well-known/acme-challenge"
        #expect(try await curl("\(base)/tok_EN-1") == "tok_EN-1.thumb|200")
        #expect(try await curl("--http1.0", "\(base)/tok_EN-1") == "tok_EN-1.thumb|200")
        #expect(try await curl("-g", "http://[::1]:\(port)/.well-known/acme-challenge/tok_EN-1") == "tok_EN-1.thumb|200")
        for wrong in [
            "\(base)/", "\(base)/other", "\(base)/tok_EN-1/", "\(base)/../tok_EN-1", "http://127.0.0.1:\(port)/",
            "\(base)/tok_EN-1?x=1", "\(base)/%3Cscript%3E",
        ] {
            #expect(try await curl("--path-as-is", wrong) == "|404", "\(wrong)")
        }
        #expect(try await curl("-d", "x", "\(base)/tok_EN-1") == "|404")
        #expect(try await curl("-H", "X: \(String(repeating: "a", count: 60_000))", "\(base)/tok_EN-1").hasSuffix("|000"))
        try await solver.remove(Self.answer)
        #expect(try await curl("\(base)/tok_EN-1") == "|404")
        await solver.finish()
        #expect(try await curl("\(base)/tok_EN-1") == "|000")
    }

    @Test func `a port in use needs a person, who is told what else there is`() async throws {
        let port = try freePort()
        let first = StandaloneHTTP(port: port)
        try await first.prepare()
        do {
            try await StandaloneTLS(port: port).prepare()
            Issue.record("bound twice")
        } catch { #expect(error.code == .needsPerson && error.message.contains("\(port) is in use")) }
        await first.finish()
        await #expect(throws: AgentError.self) { try await StandaloneHTTP(port: 0).prepare() }
        await #expect(throws: AgentError.self) { try await StandaloneHTTP(port: 70_000).prepare() }
    }

    @Test func `tls-alpn-01 shows a critical acmeIdentifier and one name to acme-tls/1, and nobody else's name`() async throws {
        let port = try freePort()
        let solver = StandaloneTLS(port: port)
        try await solver.prepare()
        try await solver.present(Self.answer)
        func handshake(_ name: String, _ alpn: String) async throws -> String {
            let outcome = try await Program.run(
                "openssl", ["s_client", "-connect", "127.0.0.1:\(port)", "-servername", name, "-alpn", alpn], input: "")
            return outcome.output + outcome.errors
        }
        let shown = try await handshake("a.test", "acme-tls/1")
        #expect(shown.contains("ALPN protocol: acme-tls/1"))
        let begin = try #require(shown.range(of: "-----BEGIN CERTIFICATE-----"))
        let end = try #require(shown.range(of: "-----END CERTIFICATE-----"))
        let text = try await Program.succeed(
            "openssl", ["x509", "-noout", "-text"], input: String(shown[begin.lowerBound..<end.upperBound]) + "\n")
        #expect(text.contains("DNS:a.test"))
        #expect(text.contains("1.3.6.1.5.5.7.1.31: critical"))
        #expect(!(try await handshake("b.test", "acme-tls/1")).contains("BEGIN CERTIFICATE"))
        try await solver.remove(Self.answer)
        #expect(!(try await handshake("a.test", "acme-tls/1")).contains("BEGIN CERTIFICATE"))
        await solver.finish()
    }

    @Test(arguments: [0o022, 0o077]) func `webroot writes a readable file and takes it away`(mask: Int) async throws {
        let root = folder.path("www")
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        let solver = Webroot(folder: root)
        try await solver.prepare()
        try await solver.present(Self.answer)
        try await solver.present(Self.answer)
        let file = "\(root)/.well-known/acme-challenge/tok_EN-1"
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "tok_EN-1.thumb")
        #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o644)
        try await solver.remove(Self.answer)
        #expect(!FileManager.default.fileExists(atPath: file))
        try await solver.remove(Self.answer)
    }

    @Test(arguments: [".well-known", ".well-known/acme-challenge"])
    func `webroot follows no symbolic link out of its folder`(link: String) async throws {
        let (root, outside) = (folder.path("www"), folder.path("outside"))
        for path in [root, outside, "\(root)/.well-known"] where !link.hasSuffix(String(path.suffix(11))) {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        try FileManager.default.createSymbolicLink(atPath: "\(root)/\(link)", withDestinationPath: outside)
        await #expect(throws: AgentError.self) { try await Webroot(folder: root).present(Self.answer) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: outside) == [])
    }

    @Test func `webroot replaces a link in the token's place and writes nothing through it`() async throws {
        let (root, victim) = (folder.path("www"), try folder.write("victim", "precious"))
        try FileManager.default.createDirectory(atPath: "\(root)/.well-known/acme-challenge", withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: "\(root)/.well-known/acme-challenge/tok_EN-1", withDestinationPath: victim)
        try await Webroot(folder: root).present(Self.answer)
        #expect(try String(contentsOfFile: victim, encoding: .utf8) == "precious")
    }

    @Test(arguments: ["../victim", "a/b", "", "..", "a b", "a\nb"])
    func `C-8.3-3 a token that is none reaches no solver's file or path`(token: String) async throws {
        let root = folder.path("www")
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        let answer = ChallengeAnswer(
            name: "a.test", token: token, keyAuthorization: KeyAuthorization(token: token, thumbprint: "t"))
        await #expect(throws: AgentError.self) { try await Webroot(folder: root).present(answer) }
        await #expect(throws: AgentError.self) { try await StandaloneHTTP(port: 1).present(answer) }
    }

    @Test func `programs: missing, not executable, open to everybody, failing, and with no shell in between`() async throws {
        let open = try folder.write("open.sh", "#!/bin/sh\n", mode: 0o777)
        let plain = try folder.write("plain.sh", "#!/bin/sh\n", mode: 0o644)
        let failing = try folder.write("fail.sh", "#!/bin/sh\nexit 3\n", mode: 0o755)
        for path in ["/nowhere/at/all", plain, folder.path] + (getuid() == 0 ? [open] : []) {
            do {
                try HookProgram.check(path)
                Issue.record("\(path) passed")
            } catch { #expect(error.code == .needsPerson) }
        }
        do {
            try await HookProgram.run(failing, [], environment: [:])
            Issue.record("passed")
        } catch { #expect(error.message.contains("exit status 3")) }
        let out = folder.path("out")
        let echo = try folder.write(
            "echo.sh", "#!/bin/sh\nprintf '%s|' \"$@\" > \(out)\nprintf '%s' \"$SPECIAL$CHANCERY_EAB_HMAC_KEY\" >> \(out)\n",
            mode: 0o755)
        try await HookProgram.run(
            echo, ["$(id)", "a b", ";x"], environment: ["SPECIAL": "`y`", "CHANCERY_EAB_HMAC_KEY": "secret"])
        #expect(try String(contentsOfFile: out, encoding: .utf8) == "$(id)|a b|;x|`y`")
    }
}
