import Foundation
import TestSupport
import Testing

@testable import chanceryd

/// The built program, as a person starts it.
@Suite(.serialized) struct ServeTests {
    private static let usual = ["--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]

    private func start(_ place: TemporaryFolder, _ arguments: [String] = usual, environment: [String: String] = [:]) async throws
        -> RunningProgram
    {
        let server = try RunningProgram(
            Program.built("chanceryd"), ["serve", "--data", place.path("ca")] + arguments, environment: environment,
            log: place.path("log-\(UUID().uuidString)"))
        try await server.printed("Ready:")
        return server
    }

    /// A start that must fail; its exit status and its one sentence.
    private func refused(_ place: TemporaryFolder, _ arguments: [String] = usual, environment: [String: String] = [:])
        async throws
        -> (status: ProcessStatus?, sentence: String)
    {
        let outcome = try await Program.run(
            Program.built("chanceryd"), ["serve", "--data", place.path("ca")] + arguments, environment: environment, limit: 60)
        #expect(
            outcome.errors.split(separator: "\n").filter { !$0.contains(" notice ") && !$0.contains(" info ") }.count == 1,
            "\(outcome)")
        return (ProcessStatus(rawValue: outcome.status), outcome.errors)
    }

    private func directory(_ server: RunningProgram) throws -> String {
        let line = try #require(server.output.split(separator: "\n").last { $0.hasPrefix("Ready: ") })
        return String(line.dropFirst(7))
    }

    private func curl(_ place: TemporaryFolder, _ url: String) async throws -> Program.Outcome {
        try await Program.run("curl", ["-sS", "-f", "--cacert", place.path("ca/root.pem"), url])
    }

    @Test func `an empty folder becomes a working authority, and a restart keeps it`() async throws {
        let place = try TemporaryFolder()
        var server = try await start(place)
        let output = server.output
        for words in [
            "Made a certificate authority", "move both", "certbot:", "lego:", "chancery:", "Listening: https 127.0.0.1:",
        ] {
            #expect(output.contains(words), "\(words)")
        }
        let url = try directory(server)
        #expect(url.hasPrefix("https://127.0.0.1:") && !url.contains(":0/"))
        #expect(try await curl(place, url).output.contains("newNonce"))
        #expect(output.contains("--server \(url)"))
        #expect(try await server.stop() == 0)

        let root = try String(contentsOfFile: place.path("ca/root.pem"), encoding: .utf8)
        try FileManager.default.removeItem(atPath: place.path("ca/root"))
        server = try await start(place)
        #expect(!server.output.contains("Made a certificate authority"))
        #expect(try String(contentsOfFile: place.path("ca/root.pem"), encoding: .utf8) == root)
        #expect(try await curl(place, try directory(server)).status == 0, "served without the root's key")
        #expect(try await server.stop(SIGINT) == 0)
    }

    @Test func `commands work beside the server, and the server's own certificate can be revoked`() async throws {
        let place = try TemporaryFolder()
        let server = try await start(place)
        func command(_ arguments: String...) async throws -> Program.Outcome {
            try await Program.run(Program.built("chanceryd"), arguments + ["--data", place.path("ca")])
        }
        let list = try await command("certificate", "list", "--json")
        let rows = try #require(try JSONSerialization.jsonObject(with: Data(list.output.utf8)) as? [[String: Any]])
        #expect(rows.count == 1)
        #expect((rows[0]["names"] as? [String])?.contains("127.0.0.1") == true)
        let serial = try #require(rows[0]["serial"] as? String)
        #expect(try await command("certificate", "show", serial).output.contains("BEGIN CERTIFICATE"))
        let colons = serial.enumerated().map { $0 > 0 && $0.isMultiple(of: 2) ? ":\($1)" : "\($1)" }.joined()
        #expect(try await command("certificate", "revoke", colons, "--reason", "superseded").status == 0)
        #expect(try await command("certificate", "revoke", serial.lowercased()).status == ProcessStatus.unchanged.rawValue)
        #expect(try await command("crl", "publish", "--json").status == 0)
        #expect(try await command("account", "list", "--json").output == "[]\n")
        #expect(try await command("order", "list").status == 0)
        #expect(try await command("certificate", "show", "ff").status == ProcessStatus.notFound.rawValue)
        #expect(try await server.stop() == 0)
    }

    @Test func `a second server, a port in use and a wrong passphrase each have their code and harm nothing`() async throws {
        let place = try TemporaryFolder()
        let server = try await start(place)
        let port = try #require(URL(string: try directory(server))?.port)
        let second = try await refused(place)
        #expect(second.status == .alreadyRunning)

        let other = try TemporaryFolder()
        let taken = try await refused(other, ["--listen", "127.0.0.1:\(port)", "--http-listen", "127.0.0.1:0"])
        #expect(taken.status == .portInUse)
        #expect(taken.sentence.contains("\(port)") && taken.sentence.contains("listen"))
        #expect(!exists(other.path("ca/root.pem")), "nothing half made")
        #expect(try await curl(place, try directory(server)).status == 0)
        #expect(try await server.stop() == 0)

        let passphrase = place.path("ca/intermediate.passphrase")
        let right = try String(contentsOfFile: passphrase, encoding: .utf8)
        try place.write("ca/intermediate.passphrase", "wrong\n", mode: 0o600)
        #expect(try await refused(place).status == .wrongPassphrase)
        try place.write("ca/intermediate.passphrase", right, mode: 0o644)
        #expect(try await refused(place).status == .openPassphrase)
        let again = try await start(
            place, environment: ["CHANCERY_INTERMEDIATE_PASSPHRASE": right.trimmingCharacters(in: .newlines)])
        #expect(try await again.stop() == 0)
    }

    @Test func `what an operator can get wrong is one sentence and one code`() async throws {
        let place = try TemporaryFolder()
        try place.write("ca", "a file")
        #expect(try await refused(place).status == .noData)
        let missing = try TemporaryFolder()
        let outcome = try await Program.run(Program.built("chanceryd"), ["serve", "--data", missing.path("a/b/c")] + Self.usual)
        #expect(outcome.status == ProcessStatus.noData.rawValue, "\(outcome)")
        let faulty = try TemporaryFolder()
        #expect(try await refused(faulty, ["--listen", "127.0.0.1:99999"]).status == .configuration)
        #expect(!exists(faulty.path("ca")), "nothing is made with wrong settings")
        #expect(try await refused(faulty, ["--listen", "192.0.2.1:0"]).status == .addressUnavailable)
        #expect(
            try await refused(faulty, ["--tls-certificate", faulty.path("none"), "--tls-key", faulty.path("none")] + Self.usual)
                .status == .tlsFiles)
        #expect(
            try await Program.run(Program.built("chanceryd"), ["serve", "--colour", "blue"]).status
                == ProcessStatus.usage.rawValue)
    }

    @Test func `a damaged database is told and left as it is`() async throws {
        let place = try TemporaryFolder()
        try await Program.succeed(Program.built("chanceryd"), ["init", "--data", place.path("ca")])
        let junk = String(repeating: "this is no database ", count: 500)
        try place.write("ca/chancery.sqlite", junk, mode: 0o600)
        let told = try await refused(place)
        #expect(told.status == .damagedDatabase)
        #expect(told.sentence.contains("chancery.sqlite"))
        #expect(try String(contentsOfFile: place.path("ca/chancery.sqlite"), encoding: .utf8) == junk)
    }

    @Test func `log lines are JSON when asked for, and plain lines stay on standard output`() async throws {
        let place = try TemporaryFolder()
        let server = try await start(place, Self.usual + ["--log-format", "json"])
        #expect(try await server.stop() == 0)
        let logged = server.output.split(separator: "\n").filter { $0.hasPrefix("{") }
        #expect(logged.count > 2)
        for line in logged {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            #expect(object?["level"] != nil && object?["time"] != nil)
        }
    }

    @Test func `the operator's own TLS files are served and read again on SIGHUP`() async throws {
        let place = try TemporaryFolder()
        func make(_ name: String) async throws {
            try await Program.succeed(
                "openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    "/CN=\(name)",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", place.path("key.pem"), "-out", place.path("cert.pem"),
                ])
        }
        try await make("first")
        let server = try await start(
            place, Self.usual + ["--tls-certificate", place.path("cert.pem"), "--tls-key", place.path("key.pem")])
        let port = try #require(URL(string: try directory(server))?.port)
        func served() async throws -> String {
            try await Program.run("openssl", ["s_client", "-connect", "127.0.0.1:\(port)"], input: "").output
        }
        #expect(try await served().contains("CN = first"))
        try await make("second")
        server.signal(SIGHUP)
        try await eventually("the second certificate") { try await served().contains("CN = second") }
        try place.write("cert.pem", "junk")
        server.signal(SIGHUP)
        try await server.printed("the old ones are served on")
        #expect(try await served().contains("CN = second"))
        #expect(try await server.stop() == 0)
    }

    @Test func `a closed standard error ends nothing`() async throws {
        let place = try TemporaryFolder()
        let server = try RunningProgram(
            "/bin/sh",
            ["-c", "exec \"$0\" \"$@\" 2>&-", Program.built("chanceryd"), "serve", "--data", place.path("ca")] + Self.usual,
            log: place.path("log"))
        try await server.printed("Ready:")
        #expect(try await curl(place, try directory(server)).status == 0)
        #expect(try await server.stop() == 0)
    }
}
