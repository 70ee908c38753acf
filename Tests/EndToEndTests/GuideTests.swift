import Foundation
import TestSupport
import Testing

/// `chancery` as a person uses it: on a terminal, which Python's pty module gives it.
@Suite(.serialized) struct GuideTests {
    private let folder: TemporaryFolder
    private let driver: String

    init() throws {
        folder = try TemporaryFolder()
        driver = try folder.write(
            "drive.py",
            #"""
            # python3 drive.py PROGRAM ...: runs it on a terminal of its own. Standard input: a JSON list of pairs, a text to wait for
            # and a text to type then; ^C is typed as Ctrl-C. Prints all that the program wrote, and ends as the program does.
            import json, os, pty, select, signal, sys, time
            steps = json.load(sys.stdin)
            child, terminal = pty.fork()
            if child == 0:
                os.execv(sys.argv[1], sys.argv[1:])
            seen, mark = b"", 0
            def more():
                global seen
                if not select.select([terminal], [], [], 1)[0]:
                    return True
                try:
                    part = os.read(terminal, 65536)
                except OSError:
                    return False
                seen += part
                return bool(part)
            for wanted, typed in steps:
                limit = time.monotonic() + 60
                while seen.find(wanted.encode(), mark) < 0:
                    if not more() or time.monotonic() > limit:
                        os.kill(child, signal.SIGKILL)
                        sys.exit(f"never saw {wanted!r} in:\n{seen.decode()}")
                mark = seen.find(wanted.encode(), mark) + len(wanted.encode())
                os.write(terminal, b"\x03" if typed == "^C" else typed.encode() + b"\n")
            limit = time.monotonic() + 60
            while more() and time.monotonic() < limit:
                pass
            sys.stdout.write(seen.decode())
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

            """#)
    }

    private func drive(_ arguments: [String], _ steps: [[String]]) async throws -> Program.Outcome {
        let typed = String(decoding: try JSONEncoder().encode(steps), as: UTF8.self)
        return try await Program.run(
            "python3", [driver, Program.built("chancery")] + arguments + ["--store", folder.path("store")], input: typed)
    }

    /// Up to the choice of the proof, with wrong answers on the way.
    private func steps(_ names: String, _ authority: TestAuthority) -> [[String]] {
        [
            ["1. Which names", "-bad-"], ["no DNS name", names], ["2. Which authority", "99"], ["A number from", "7"],
            ["no new certificates", "8"], ["URL of its directory", authority.directory],
            ["its root certificate", authority.root],
            ["mail address", "nonsense"], ["no mail address", "admin@example.com"],
        ]
    }

    @Test func `the guide asks again after wrong answers, issues, and shows the one command line that does the same`()
        async throws
    {
        let authority = try await TestAuthority()
        let port = "\(authority.http01Port)"
        let outcome = try await drive(
            [],
            steps("guide.localhost, www.guide.localhost", authority) + [
                ["How is it answered", "2"], ["Port", "0"], ["A number from", port],
            ])
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.output.contains("5. The certificate is there."))
        let live = folder.path("store/live/guide.localhost/fullchain.pem")
        #expect(try await authority.accepts(live, name: "www.guide.localhost").status == 0)

        let line = try #require(
            outcome.output.split(whereSeparator: \.isNewline).first { $0.contains("  chancery issue --store") })
        let words = line.split(separator: " ").dropFirst().map(String.init)
        #expect(try await Program.run(Program.built("chancery"), words).status == 2, "the same again: nothing to do")
        #expect(try await Program.run(Program.built("chancery"), words + ["--force"]).status == 0, "\(words)")
    }

    @Test func `Ctrl-C at a question ends the guide with exit code 130`() async throws {
        let authority = try await TestAuthority()
        let early = try await drive([], [["1. Which names", "^C"]])
        #expect(early.status == 130, "\(early)")
        let late = try await drive([], steps("late.localhost", authority) + [["How is it answered", "^C"]])
        #expect(late.status == 130, "\(late)")
        #expect(!FileManager.default.fileExists(atPath: folder.path("store/live/late.localhost")))
    }

    @Test(arguments: [(SIGINT, 130), (SIGTERM, 143), (SIGHUP, 129)] as [(Int32, Int32)])
    func `a signal in the middle removes the answer to the challenge`(signal: Int32, status: Int32) async throws {
        let authority = try await TestAuthority()
        let web = folder.path("web-\(signal)")
        try FileManager.default.createDirectory(atPath: web, withIntermediateDirectories: true)
        // Nobody serves the folder: the authority tries, and waits before it tries again.
        let running = try RunningProgram(
            Program.built("chancery"),
            [
                "issue", "--ca", authority.directory, "--ca-root", authority.root, "-d", "stop.localhost", "--webroot", web,
                "--agree-tos", "--json", "--store", folder.path("store"),
            ], log: folder.path("log-\(signal)"))
        try await running.printed("answer-placed")
        #expect(try await running.stop(signal) == status, "\(running.output)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(web)/.well-known/acme-challenge") == [])
        #expect(running.output.contains(#""code":\#(status),"event":"failed""#), "\(running.output)")
    }
}
