import ACME
import ACMEClient
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// Certificates moved from one CA to another.
struct SwitchTests {
    typealias Mood = FailoverTests.Mood

    let folder: TemporaryFolder
    let time = SimulatedTime()
    let events = EventList()
    let mood = Mood()
    let first: FakeCA
    let second: FakeCA

    init() async throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path("www"), withIntermediateDirectories: true)
        first = try await FakeCA(time, base: "https://one.test")
        var faults = FakeCA.Faults()
        let mood = mood
        faults.refuseOrder = { payload in payload.contains("bad") ? Mood.problem("rejectedIdentifier", 400) : mood.answer }
        faults.terms = "https://two.test/terms"
        faults.tamper = { path, answer in
            if path.hasPrefix("/f/"), mood.refusesProofs {
                mood.refusesProofs = false
                answer = Mood.problem("badCSR", 400)
            }
        }
        second = try await FakeCA(time, faults, base: "https://two.test")
    }

    private func agent(_ tell: (@Sendable (AgentEvent) -> Void)? = nil) -> CertificateAgent {
        FakeCA.agent(
            folder.path("store"), [first, second],
            tell: { [events] in
                events.add($0)
                tell?($0)
            })
    }

    private func issue(_ names: [String], _ change: (inout IssueRequest) -> Void = { _ in }) async throws {
        for name in names {
            var request = first.request(folder, [name])
            change(&request)
            #expect(try await agent().issue(request).code == .changed)
        }
    }

    private var request: SwitchRequest {
        var request = SwitchRequest(from: first.directory, to: second.directory)
        request.preflight = false
        request.account.agreesToTerms = { _ in true }
        return request
    }

    private func orders() -> Int { second.requests.count { $0.path == "/order" } }
    private func lineage(_ name: String) throws -> Lineage { try #require(try agent().store.lineage(name)) }

    @Test func `all move in growing stages, keep the old CA as a backup, and a signed report tells old and new`() async throws {
        let names = (0..<22).map { "n\($0).test" }
        try await issue(names)
        let serials = try names.map { try lineage($0).serial }
        let report = try await agent().switchAuthority(request)
        #expect(report.code == .changed && report.state == .finished)
        #expect(report.stages == [1, 4, 16, 1])
        #expect(report.total == 22 && report.unverified == 22 && report.verified == 0 && report.failed == 0)
        for (name, old) in zip(names, serials) {
            let now = try lineage(name)
            #expect(now.ca == second.directory && now.wanted == second.directory && now.pool == [first.directory])
            let told = try #require(report.certificates.first { $0.name == name })
            #expect(told.oldSerial == old && told.newSerial == now.serial && now.serial != old)
            #expect(told.oldCA == first.directory && told.newCA == second.directory && told.ended != nil)
        }
        #expect(orders() == 22)
        #expect(try agent().switchStatus() == report)
        // Back to where they came from, in case of need.
        mood.answer = Mood.down
        time.advance(86_400 * 4.2)
        var renewal = RenewRequest()
        (renewal.name, renewal.preflight) = ("n0.test", false)
        #expect(try await agent().renew(renewal).code == .changed)
        #expect(try lineage("n0.test").ca == first.directory)

        let file = try #require(report.file)
        let checked = try agent().checkReport(file)
        #expect(checked.isOurs && checked.report == report)
        #expect(try await Self.holds(file, folder), "by openssl and nothing of ours")
        let text = try String(contentsOfFile: file, encoding: .utf8)
        let payload = try #require(text.range(of: #""payload":""#))
        var changed = text
        changed.replaceSubrange(payload.upperBound..<text.index(payload.upperBound, offsetBy: 4), with: "AAAA")
        let forged = try folder.write("forged.json", changed)
        #expect(throws: AgentError.self) { try agent().checkReport(forged) }
        #expect(try await !Self.holds(forged, folder))
        let elsewhere = FakeCA.agent(folder.path("other"), [first])
        #expect(try !elsewhere.checkReport(file).isOurs)
    }

    /// ES256 (RFC 7518 section 3.4) checked by openssl, with the key in the header.
    private static func holds(_ file: String, _ folder: TemporaryFolder) async throws -> Bool {
        let script = #"""
            import base64, json, sys
            d = lambda t: base64.urlsafe_b64decode(t + "=" * (-len(t) % 4))
            m = json.load(open(sys.argv[1])); out = sys.argv[2]
            k = json.loads(d(m["protected"]))["jwk"]
            open(out + "/key.der", "wb").write(bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004") + d(k["x"]) + d(k["y"]))
            def integer(b):
                b = b.lstrip(b"\0") or b"\0"
                b = (b"\0" if b[0] & 128 else b"") + b
                return bytes([2, len(b)]) + b
            s = d(m["signature"]); s = integer(s[:32]) + integer(s[32:])
            open(out + "/signature", "wb").write(bytes([48, len(s)]) + s)
            open(out + "/signed", "w").write(m["protected"] + "." + m["payload"])
            """#
        try await Program.succeed("python3", ["-c", script, file, folder.path])
        let verdict = try await Program.run(
            "openssl",
            [
                "dgst", "-sha256", "-verify", folder.path("key.der"), "-keyform", "DER", "-signature", folder.path("signature"),
                folder.path("signed"),
            ])
        return verdict.status == 0
    }

    @Test func `a failure of the canary stops it, the old certificate stays, and resuming tries again`() async throws {
        try await issue(["a.test", "b.test", "c.test"])
        let before = try lineage("a.test")
        mood.answer = Mood.down
        let stopped = try await agent().switchAuthority(request)
        #expect(stopped.state == .stopped && stopped.code == .needsPerson)
        #expect(stopped.failed == 1 && stopped.waiting == 2 && orders() == 1)
        #expect(stopped.reason?.contains("a.test") == true)
        #expect(try lineage("a.test") == before)
        #expect(agent().store.failures("a.test") == nil, "renewals at the old CA are not put off")
        mood.answer = nil
        time.advance(60)
        let done = try await agent().resumeSwitch()
        #expect(done.state == .finished && done.unverified == 3 && done.certificates[0].attempts == 2)
        await #expect(throws: AgentError.self) { _ = try await agent().resumeSwitch() }
        do {
            _ = try await agent().switchAuthority(request)
            Issue.record("moved again")
        } catch { #expect(error.code == .nothingToDo) }
    }

    @Test func `as many as allowed may fail after the canary, and they are served as before`() async throws {
        // Proofs by a program take turns, and so do these.
        let hook = try folder.write("hook", "#!/bin/sh\nexit 0\n", mode: 0o755)
        try await issue(["a.test", "bad1.test", "bad2.test", "c.test"]) { $0.method = .dnsHook(hook) }
        var careful = request
        careful.allowance = .count(1)
        let stopped = try await agent().switchAuthority(careful)
        #expect(stopped.state == .stopped && stopped.failed == 2 && stopped.unverified == 1 && stopped.waiting == 1)
        _ = try await agent().endSwitch(forGood: true)
        var braver = request
        (braver.allowance, braver.only) = (.percent(50), ["c.test", "bad1*", "bad2.test"])
        // Those that fail stand behind the canary.
        braver.canary = .count(1)
        #expect(try await agent().switchAuthority(braver).state == .stopped, "bad1 is the canary")
        _ = try await agent().endSwitch(forGood: true)
        try await issue(["0.test"])
        braver.only = []
        let done = try await agent().switchAuthority(braver)
        #expect(done.state == .finished && done.failed == 2 && done.code == .failed && done.stages == [1, 3])
        #expect(try lineage("bad1.test").ca == first.directory && lineage("c.test").ca == second.directory)
    }

    @Test func `of several ordered at once each fares by itself`() async throws {
        try await issue((0..<9).map { $0 % 3 == 1 ? "bad\($0).test" : "n\($0).test" } + ["0.test"])
        var brave = request
        brave.allowance = .count(3)
        let done = try await agent().switchAuthority(brave)
        #expect(done.state == .finished && done.failed == 3 && done.unverified == 7)
        #expect(agent().store.health(second.directory).recent.count == 7, "none of them is forgotten, and no refusal counts")
    }

    @Test func `a server reloads once for several, after each of them is in place, and a failing check puts all of them back`()
        async throws
    {
        let seen = folder.path("seen")
        let reload = try folder.write(
            "reload",
            "#!/bin/sh\nls -l \(folder.path("store/served")) | sed 's/^.* n/n/' >> \(seen)\necho run >> \(seen)\nsleep 0.3\n",
            mode: 0o755)
        let check = try folder.write("check", "#!/bin/sh\nexit 0\n", mode: 0o755)
        let names = (0..<8).map { "n\($0).test" }
        try await issue(names) { $0.targets = ["exec:run=\(reload),check=\(check)"] }
        try FileManager.default.removeItem(atPath: seen)
        var move = request
        (move.canary, move.only) = (.count(8), ["n[0-5].test"])
        #expect(try await agent().switchAuthority(move).unverified == 6)
        let text = try String(contentsOfFile: seen, encoding: .utf8)
        let runs = text.components(separatedBy: "run\n")
        #expect((2...5).contains(runs.count), "at least one run, and fewer than certificates:\n\(text)")
        let last = try #require(runs.dropLast().last)
        for name in names.prefix(6) { #expect(last.contains("\(name) -> ../archive/\(name)/2"), "\(last)") }

        try folder.write("check", "#!/bin/sh\nexit 1\n", mode: 0o755)
        move.only = ["n[67].test"]
        let stopped = try await agent().switchAuthority(move)
        #expect(stopped.state == .stopped && stopped.failed == 2)
        for name in ["n6.test", "n7.test"] {
            let link = try FileManager.default.destinationOfSymbolicLink(atPath: folder.path("store/served/\(name)"))
            #expect(link == "../archive/\(name)/1", "served as before")
        }
    }

    @Test func `a person pauses it, abandons it, and a second switch waits for the first`() async throws {
        try await issue(["a.test", "b.test", "c.test"])
        let store = agent().store
        let paused = try await agent { event in
            guard case .switched = event, var record = try? store.switchRecord() else { return }
            record.state = .paused
            try? store.save(record)
        }.switchAuthority(request)
        #expect(paused.state == .paused && paused.code == .wait && paused.unverified == 1 && paused.waiting == 2)
        try await agent().addAuthority("two", url: second.directory, root: nil)
        do {
            _ = try await agent().removeAuthority("two")
            Issue.record("forgotten")
        } catch { #expect(error.message.contains("--resume") && error.message.contains("a.test"), "\(error)") }
        do {
            _ = try await agent().switchAuthority(SwitchRequest(from: second.directory, to: first.directory))
            Issue.record("two at once")
        } catch { #expect(error.message.contains("--abandon")) }
        #expect(try await agent().endSwitch(forGood: true).state == .abandoned)
        #expect(try lineage("a.test").ca == second.directory && lineage("b.test").ca == first.directory)
        #expect(try await agent().switchAuthority(request).total == 2)
    }

    @Test func `a CA that asks to wait pauses it until then, and that is no failure`() async throws {
        try await issue(["a.test"])
        mood.answer = WireAnswer(
            status: 429, headers: [("Retry-After", "7200")],
            body: Array(#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"no"}"#.utf8))
        let paused = try await agent().switchAuthority(request)
        #expect(paused.state == .paused && paused.failed == 0)
        let until = try #require(paused.until)
        #expect(until > time.now + 7000)
        mood.answer = nil
        do {
            _ = try await agent().switchAuthority(request)
            Issue.record("did not wait")
        } catch { #expect(error.code == .wait && error.until == until) }
        time.advance(7300)
        #expect(try await agent().switchAuthority(request).state == .finished)
    }

    @Test func `the limits of a CA are kept to, and it goes on when they leave room again`() async throws {
        var faults = FakeCA.Faults()
        faults.directoryName = "directory"
        let limited = try await FakeCA(time, faults, base: "https://acme-v02.api.letsencrypt.org")
        func agent() -> CertificateAgent { FakeCA.agent(folder.path("store"), [first, limited]) }
        try await issue((0..<47).map { "n\($0).shop.test" })
        var move = SwitchRequest(from: first.directory, to: "letsencrypt")
        (move.preflight, move.account.agreesToTerms) = (false, { _ in true })
        let paused = try await agent().switchAuthority(move)
        // 50 in 7 days below one domain, of which a tenth is left for need.
        #expect(paused.state == .paused && paused.unverified == 45 && paused.waiting == 2 && paused.failed == 0)
        #expect(limited.requests.count { $0.path == "/order" } == 45)
        let until = try #require(paused.until)
        #expect(until > time.now + 6 * 86_400 && until <= time.now + 7 * 86_400)
        time.advance(until.timeIntervalSince(time.now) + 3600)
        #expect(try await agent().resumeSwitch().state == .finished)
    }

    @Test func `broken off at any request, it goes on where it was, and issues nothing twice`() async throws {
        try await issue(["a.test", "b.test"])
        let began = second.requests.count
        var steps = 0
        while true {
            let agent = agent()
            let request = request
            let stop = began + steps
            let run = Task { try await agent.switchAuthority(request) }
            // Cancelled as soon as the CA has been asked so often.
            let watcher = Task { [second] in
                while !Task.isCancelled, second.requests.count < stop { await Task.yield() }
                run.cancel()
            }
            let result = await run.result
            watcher.cancel()
            steps += 3
            if case .success(let report) = result, report.state == .finished { break }
            #expect(steps < 200)
        }
        let certificates = second.requests.count { $0.path.hasPrefix("/cert/") }
        #expect(try lineage("a.test").ca == second.directory && lineage("b.test").ca == second.directory)
        #expect(certificates <= 2 + steps / 3, "at most the one that was cut off is fetched again")
        #expect(try lineage("a.test").history.count == 2 && lineage("b.test").history.count == 2)
    }

    @Test func `a kind of key that the new CA refuses gives way, and a program that fails is told`() async throws {
        try await issue(["k.test"]) { $0.keyType = .p384 }
        mood.refusesProofs = true
        #expect(try await agent().switchAuthority(request).state == .finished)
        #expect(try lineage("k.test").keyType == .p256)

        let hook = try folder.write("hook", "#!/bin/sh\nexit 0\n", mode: 0o755)
        try await issue(["h.test"]) { $0.deployHook = hook }
        try folder.write("hook", "#!/bin/sh\nexit 7\n", mode: 0o755)
        let stopped = try await agent().switchAuthority(request)
        #expect(stopped.state == .stopped && stopped.certificates[0].reason?.contains("7") == true)
        try folder.write("hook", "#!/bin/sh\nexit 0\n", mode: 0o755)
        let before = orders()
        #expect(try await agent().resumeSwitch().state == .finished)
        #expect(orders() == before, "what was issued is not ordered again")
    }

    @Test func `the outline says what would move, and orders and writes nothing`() async throws {
        try await issue(["a.test", "b.test", "c.test"])
        var shown = try lineage("c.test")
        shown.targets = ["nginx:verify=127.0.0.1:1"]
        try agent().store.update(shown)
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path("store")).sorted()
        var some = request
        some.only = ["c*", "A.test"]
        let outline = try await agent().outlineSwitch(some)
        #expect(outline.certificates.map(\.name) == ["c.test", "a.test"], "what can be seen goes first")
        #expect(outline.certificates.map(\.verifiable) == [true, false] && !outline.hasAccount && outline.stages == [1, 1])
        #expect(try FileManager.default.subpathsOfDirectory(atPath: folder.path("store")).sorted() == files)
        #expect(Set(second.requests.map(\.path)) == ["/dir"])
        some.only = ["z*"]
        do {
            _ = try await agent().outlineSwitch(some)
            Issue.record("nothing is called so")
        } catch { #expect(error.message.contains("z*")) }
        #expect(SwitchShare("1%") == .percent(1) && SwitchShare("3") == .count(3))
        for wrong in ["", "x", "-1", "101%", "1.5"] { #expect(SwitchShare(wrong) == nil) }
        #expect(SwitchShare.percent(1).stages(of: 1000) == [10, 40, 160, 640, 150])
    }
}
