import Foundation
import TestSupport
import Testing

/// Certificates that move to another authority while a real nginx serves them to real clients. `script/agility` runs it with more of them.
@Suite(.serialized, .enabled(if: Pebble.isInstalled && FileManager.default.isExecutableFile(atPath: Program.find("nginx"))))
struct AgilityTests {
    private static let count = ProcessInfo.processInfo.environment["CHANCERY_AGILITY"].flatMap { Int($0) } ?? 30

    /// Of an authority with keys of its own, beside the one that all tests share.
    private static let another = Task {
        let folder = try TemporaryFolder()
        try await Program.succeed(Program.built("chanceryd"), ["init", "--data", folder.path("ca")])
        return folder
    }

    private static func another() async throws -> TestAuthority {
        try await TestAuthority(template: another.value.path("ca"))
    }

    private struct Told: Decodable {
        struct Report: Decodable {
            let state: String
            let total: Int
            let verified: Int
            let failed: Int
            let seconds: Double
            let stages: [Int]
            let file: String?
        }
        let result: Report
    }

    private func report(_ outcome: Program.Outcome) throws -> Told.Report {
        let line = outcome.output.split(separator: "\n").last.map(String.init) ?? ""
        do { return try JSONDecoder().decode(Told.self, from: Data(line.utf8)).result } catch {
            throw Program.Failure("\(error): \(outcome)")
        }
    }

    @Test
    func `all certificates of a server move to another authority, killed on the way, and to Pebble, and no handshake fails`()
        async throws
    {
        async let other = Self.another()
        let (first, second) = (try await TestAuthority(), try await other)
        let pebble = try await Pebble([:])
        let fleet = try await ServedFleet(Self.count, webPorts: [first.http01Port, second.http01Port, pebble.http01Port])
        let clock = ContinuousClock()
        let began = clock.now
        try await fleet.issue(ca: first.directory, root: first.root)
        print("issued \(Self.count) in \(clock.now - began)")
        // With more, a reload that reads all of them would measure nginx.
        if Self.count <= 100 { try await fleet.serveEachByItself() }
        let roots = try [first.root, second.root].map { try String(contentsOfFile: $0, encoding: .utf8) }
        let load = try await fleet.load(roots + [pebble.issuingRoot()])

        let move = ["ca", "switch", "--from", first.directory, "--to", second.directory, "--no-preflight"]
        let more = ["--ca-root", second.root, "--agree-tos", "--json"]
        let start = clock.now
        // A few certificates are soon moved; what would be killed after that finds nothing to do.
        for number in 1...(Self.count < 100 ? 2 : 4) {
            let run = try RunningProgram(
                Program.built("chancery"), move + more + ["--store", fleet.folder.path("store")],
                log: fleet.folder.path("switch-\(number)"))
            // After as many certificates, at some moment of the next one.
            try await eventually("certificate \(number)", limit: 60) {
                run.output.components(separatedBy: #""event":"switched""#).count > 2 || !run.isRunning
            }
            try await Task.sleep(for: .milliseconds(Int.random(in: 0..<100)))
            _ = try await run.stop(SIGKILL)
        }
        let moved = try await fleet.chancery(move + more, limit: 3600)
        let told = try report(moved)
        #expect(moved.status == 0 && told.state == "finished" && told.total == Self.count, "\(moved.errors)")
        #expect(told.verified == Self.count && told.failed == 0)
        #expect(Set(try await fleet.authorities().values) == [second.directory])
        print("moved \(Self.count) to another chanceryd in \(clock.now - start), stages \(told.stages)")
        let file = try #require(told.file)
        #expect(try await fleet.chancery(["ca", "switch", "--verify", file]).status == 0)

        let again = clock.now
        let toPebble = try await fleet.chancery(
            [
                "ca", "switch", "--from", second.directory, "--to", pebble.directory, "--ca-root", pebble.root, "--agree-tos",
                "--no-preflight", "--json", "--canary", "50%",
            ], limit: 3600)
        let second2 = try report(toPebble)
        #expect(toPebble.status == 0 && second2.verified == Self.count, "\(toPebble.errors)")
        #expect(Set(try await fleet.authorities().values) == [pebble.directory])
        print("moved \(Self.count) to Pebble in \(clock.now - again), stages \(second2.stages)")

        let seen = try await fleet.end(load)
        print(
            "\(seen.handshakes) handshakes, \(seen.failed) failed, \(seen.serials) certificates seen, slowest \(seen.slowest) s")
        #expect(seen.failed == 0, "\(seen.failures)")
        #expect(seen.handshakes > Self.count && seen.serials > Self.count, "the load saw what moved")
    }

    @Test func `the authority dies in the middle of renewals, the next one takes over, and no handshake fails`() async throws {
        async let other = Self.another()
        let (first, second) = (try await TestAuthority(), try await other)
        let count = min(Self.count, 8)
        let fleet = try await ServedFleet(count, webPorts: [first.http01Port, second.http01Port])
        let registered = try await fleet.chancery(
            ["account", "register", "--ca", second.directory, "--ca-root", second.root, "--agree-tos"])
        #expect(registered.status == 0, "\(registered)")
        try await fleet.issue(ca: first.directory, root: first.root, ["--fallback-ca", second.directory])
        try await fleet.serveEachByItself()
        let drill = try await fleet.chancery(["ca", "drill", "--no-preflight", "--json"])
        #expect(drill.status == 0 && drill.output.contains(#""event":"drilled""#), "\(drill)")
        let load = try await fleet.load([first.root, second.root].map { try String(contentsOfFile: $0, encoding: .utf8) })

        let run = try RunningProgram(
            Program.built("chancery"), ["renew", "--force", "--no-preflight", "--json", "--store", fleet.folder.path("store")],
            log: fleet.folder.path("renew"))
        try await eventually("some renewals", limit: 60) {
            run.output.components(separatedBy: #""event":"deployed""#).count > count / 3
        }
        first.server?.signal(SIGKILL)
        #expect(try await run.ended(limit: 300) == 0, "\(run.output)")
        let now = try await fleet.authorities()
        #expect(now.count == count && Set(now.values) == [first.directory, second.directory], "\(now)")
        #expect(run.output.contains(#""event":"failed-over""#))

        let seen = try await fleet.end(load)
        print(
            "\(seen.handshakes) handshakes, \(seen.failed) failed, \(seen.serials) certificates seen, slowest \(seen.slowest) s")
        #expect(seen.failed == 0, "\(seen.failures)")
        #expect(seen.serials > count / 3)
    }

    @Test func `what CAA records forbid is not ordered, and the built program names the record to add`() async throws {
        let names = try await NameServer()
        let authority = try await TestAuthority(names: names, flags: ["--set", "caa-identities=ca.example.org"])
        let folder = try TemporaryFolder()
        func issue(_ flags: String...) async throws -> Program.Outcome {
            try await Program.run(
                Program.built("chancery"),
                [
                    "issue", "--ca", authority.directory, "--ca-root", authority.root, "-d", "a.b.e2e.test", "--dns-hook",
                    names.hook(), "--agree-tos", "--store", folder.path("store"), "--resolver", names.address,
                ] + flags)
        }
        try await names.add("e2e.test", "b.e2e.test. 1 CAA 0 issue other.example")
        let refused = try await issue()
        #expect(refused.status == 3, "\(refused)")
        #expect(refused.errors.contains(#"Add: b.e2e.test. CAA 0 issue "ca.example.org""#), "\(refused)")
        try await names.add("e2e.test", #"b.e2e.test. 1 CAA 0 issue "ca.example.org""#)
        let allowed = try await issue()
        #expect(allowed.status == 0, "\(allowed)")
    }
}
