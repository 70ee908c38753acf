import Foundation
import TestSupport
import Testing

/// The built `chancery` against the built `chanceryd`, with the flags that a user types.
@Suite(.serialized) struct ChanceryTests {
    private func chancery(_ folder: TemporaryFolder, _ arguments: [String]) async throws -> Program.Outcome {
        try await Program.run(Program.built("chancery"), arguments + ["--store", folder.path("store")])
    }

    private func issue(_ authority: TestAuthority, _ arguments: [String]) -> [String] {
        ["issue", "--ca", authority.directory, "--ca-root", authority.root, "--agree-tos", "-m", "admin@example.com"] + arguments
    }

    @Test func `issue by webroot, renew without flags, revoke, and the exit codes on the way`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let web = try await WebServer(port: authority.http01Port)
        let folder = try TemporaryFolder()
        let flags = issue(
            authority, ["-d", "own.e2e.test", "-d", "www.own.e2e.test", "--webroot", web.webroot, "--no-preflight"])
        let issued = try await chancery(folder, flags)
        #expect(issued.status == 0, "\(issued)")

        let live = folder.path("store/live/own.e2e.test")
        for file in ["privkey", "cert", "chain", "fullchain"] {
            #expect(FileManager.default.fileExists(atPath: "\(live)/\(file).pem"), "\(file)")
        }
        let mode = try await Program.succeed("stat", ["-L", "-c", "%a", "\(live)/privkey.pem"])
        #expect(mode == "600\n")
        let verdict = try await authority.accepts("\(live)/fullchain.pem", name: "www.own.e2e.test")
        #expect(verdict.status == 0, "\(verdict)")

        try await web.serve(certificate: "\(live)/fullchain.pem", key: "\(live)/privkey.pem")
        try await eventually("nginx serving it") { try await web.servedSerial("own.e2e.test", root: authority.root) != nil }
        let first = try await web.servedSerial("own.e2e.test", root: authority.root)

        #expect(try await chancery(folder, flags).status == 2, "issue again: nothing to do")
        #expect(try await chancery(folder, ["renew"]).status == 2, "not due")
        let renewed = try await chancery(folder, ["renew", "--force", "--no-preflight"])
        #expect(renewed.status == 0, "\(renewed)")
        try await web.serve(certificate: "\(live)/fullchain.pem", key: "\(live)/privkey.pem")
        try await eventually("nginx serving the renewed one") {
            let now = try await web.servedSerial("own.e2e.test", root: authority.root)
            return now != nil && now != first
        }

        let revoked = try await chancery(folder, ["revoke", "own.e2e.test", "--reason", "superseded"])
        #expect(revoked.status == 0, "\(revoked)")
        try await authority.publishesRevocation(of: "\(live)/cert.pem")
    }

    @Test func `standalone, TLS-ALPN and a DNS program prove control`() async throws {
        let names = try await NameServer()
        let authority = try await TestAuthority(names: names)
        let folder = try TemporaryFolder()
        let ways: [(String, [String])] = [
            ("alone.e2e.test", ["--standalone", "--http01-port", "\(authority.http01Port)"]),
            ("alpn.e2e.test", ["--tls-alpn", "--tls-alpn01-port", "\(authority.tlsALPN01Port)", "--key-type", "rsa2048"]),
            ("dns.e2e.test,*.dns.e2e.test", ["--dns-hook", try names.hook(), "--key-type", "p384"]),
        ]
        for (list, flags) in ways {
            let outcome = try await chancery(folder, issue(authority, ["-d", list, "--no-preflight", "--json"] + flags))
            #expect(outcome.status == 0, "\(list): \(outcome)")
            for line in outcome.output.split(separator: "\n") {
                #expect((try? JSONSerialization.jsonObject(with: Data(line.utf8))) is [String: Any], "\(line)")
            }
            let name = String(list.prefix { $0 != "," })
            #expect(try await authority.accepts(folder.path("store/live/\(name)/fullchain.pem"), name: name).status == 0)
        }
        let list = try await chancery(folder, ["list", "--json"])
        #expect(list.status == 0)
        for (name, _) in ways { #expect(list.output.contains(String(name.prefix { $0 != "," }))) }

        // The zone's own server is not at port 53: warnings, no trouble.
        let doctor = try await chancery(folder, ["doctor", "dns.e2e.test", "--resolver", names.address, "--json"])
        #expect(doctor.status == 0, "\(doctor)")
        let report = try JSONSerialization.jsonObject(with: Data(doctor.output.utf8)) as? [String: Any]
        #expect(report?["certificates"] as? Int == 1 && report?["findings"] is [[String: Any]], "\(doctor)")
        let missing = try await chancery(
            folder, ["doctor", "missing.invalid", "--webroot", "/nowhere", "--resolver", names.address])
        #expect(missing.status == 3 && missing.output.contains("! missing.invalid: "), "\(missing)")
        let plan = try await chancery(folder, ["plan", "--what-if", "ca \(authority.directory) gone"])
        #expect(plan.status == 3 && plan.output.contains("dns.e2e.test expires"), "\(plan)")
    }

    @Test func `a deploy program gets certbot's variables, and its failure is told`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let folder = try TemporaryFolder()
        let told = folder.path("told")
        let good = try folder.write(
            "good.sh",
            "#!/bin/sh\necho \"$RENEWED_LINEAGE|$RENEWED_DOMAINS\" > \(told)\ngrep SigBlk /proc/self/status >> \(told)\n",
            mode: 0o755)
        let bad = try folder.write("bad.sh", "#!/bin/sh\nexit 7\n", mode: 0o755)
        let proof = ["--standalone", "--http01-port", "\(authority.http01Port)", "--no-preflight"]
        let first = try await chancery(
            folder, issue(authority, ["-d", "a.e2e.test", "-d", "b.e2e.test", "--deploy-hook", good] + proof))
        #expect(first.status == 0, "\(first)")
        let text = try String(contentsOfFile: told, encoding: .utf8)
        #expect(text.hasPrefix("\(folder.path("store/live/a.e2e.test"))|a.e2e.test b.e2e.test\n"))
        #expect(text.hasSuffix("SigBlk:\t0000000000000000\n"), "no signal is blocked in what it starts: \(text)")
        let second = try await chancery(folder, issue(authority, ["-d", "c.e2e.test", "--deploy-hook", bad] + proof))
        #expect(second.status == 5, "\(second)")
    }

    @Test func `the account is shown, updated, rolled over and deactivated`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let folder = try TemporaryFolder()
        let proof = ["--standalone", "--http01-port", "\(authority.http01Port)", "--no-preflight"]
        #expect(try await chancery(folder, issue(authority, ["-d", "acc.e2e.test"] + proof)).status == 0)
        let ca = ["--ca", authority.directory]
        for verb in [["show", "--json"], ["update", "-m", "new@example.com"], ["rollover"]] {
            let outcome = try await chancery(folder, ["account"] + verb + ca)
            #expect(outcome.status == 0, "\(verb): \(outcome)")
        }
        let renewed = try await chancery(folder, ["renew", "--force", "--no-preflight"])
        #expect(renewed.status == 0, "the rolled-over key works: \(renewed)")
        #expect(try await chancery(folder, ["account", "deactivate"] + ca).status == 0)
        #expect(try await chancery(folder, ["renew", "--force", "--no-preflight"]).status != 0)
    }

    @Test func `the agent renews what is due, puts it to use, and ends with 0 when told to`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let folder = try TemporaryFolder()
        let told = folder.path("told")
        let hook = try folder.write("hook.sh", "#!/bin/sh\necho \"$RENEWED_DOMAINS\" >> \(told)\n", mode: 0o755)
        let issued = try await chancery(
            folder,
            issue(
                authority,
                [
                    "-d", "agent.e2e.test", "--standalone", "--http01-port", "\(authority.http01Port)", "--no-preflight",
                    "--deploy-hook", hook,
                ]))
        #expect(issued.status == 0, "\(issued)")
        // As if it had been issued long ago.
        let file = folder.path("store/live/agent.e2e.test/lineage.json")
        var lineage = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: file))) as? [String: Any])
        let serial = try #require(lineage["serial"] as? String)
        (lineage["notBefore"], lineage["notAfter"]) = ("2020-01-01T00:00:00Z", "2020-04-01T00:00:00Z")
        try JSONSerialization.data(withJSONObject: lineage).write(to: URL(fileURLWithPath: file))
        let agent = try RunningProgram(
            Program.built("chancery"), ["agent", "--no-preflight", "--json", "--store", folder.path("store")],
            log: folder.path("agent.log"))
        try await agent.printed(#""event":"result""#)
        try await agent.printed(#""event":"sleeping""#)
        #expect(try await agent.stop() == 0)
        #expect(agent.output.contains(#""event":"due""#) && agent.output.contains(#""event":"deployed""#), "\(agent.output)")
        let after = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: file))) as? [String: Any])
        #expect(after["serial"] as? String != serial)
        #expect(try String(contentsOfFile: told, encoding: .utf8) == "agent.e2e.test\nagent.e2e.test\n")
    }

    @Test func `a server that nobody trusts is refused with a sentence that names --ca-root`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let folder = try TemporaryFolder()
        let outcome = try await chancery(
            folder,
            [
                "issue", "--ca", authority.directory, "--agree-tos", "-d", "x.e2e.test", "--standalone", "--http01-port",
                "\(authority.http01Port)", "--no-preflight",
            ])
        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("--ca-root"), "\(outcome)")
    }
}
