import ACME
import ACMEClient
import Agent
import Foundation
import Synchronization
import TestSupport
import Testing

/// Issue, renewal and all else against an honest CA in memory.
struct IssueTests {
    let folder: TemporaryFolder
    let time = SimulatedTime()
    let events = EventList()

    init() throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path("www"), withIntermediateDirectories: true)
    }

    private func agent(_ ca: FakeCA) -> CertificateAgent {
        ca.agent(folder.path("store"), tell: { [events] in events.add($0) })
    }

    private func mode(_ path: String) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: folder.path(path))[.posixPermissions] as? Int)
    }

    @Test func `a certificate is issued, left alone, renewed when a third is left, and its old pair is kept`() async throws {
        let ca = try await FakeCA(time)
        let agent = agent(ca)
        guard case .installed(let first) = try await agent.issue(ca.request(folder, ["a.test", "b.test"])) else {
            return #expect(Bool(false))
        }
        #expect(first.name == "a.test")
        #expect(first.folder == folder.path("store/live/a.test"))
        for (file, expected) in [("privkey", 0o600), ("cert", 0o644), ("chain", 0o644), ("fullchain", 0o644)] {
            #expect(try mode("store/live/a.test/\(file).pem") == expected)
        }
        #expect(try mode("store/archive") == 0o700)
        let full = try String(contentsOfFile: folder.path("store/live/a.test/fullchain.pem"), encoding: .utf8)
        let parts = try ["cert", "chain"].map {
            try String(contentsOfFile: folder.path("store/live/a.test/\($0).pem"), encoding: .utf8)
        }
        #expect(full == parts.joined())

        #expect(try await agent.issue(ca.request(folder, ["a.test", "b.test"])).code == .nothingToDo)
        #expect(try await agent.renew(RenewRequest()).code == .nothingToDo)
        time.advance(86_400 * 3.9)
        #expect(try await agent.renew(RenewRequest()).code == .nothingToDo)
        time.advance(86_400 * 0.2)
        var unchecked = RenewRequest()
        unchecked.preflight = false
        let report = try await agent.renew(unchecked)
        #expect(report.code == .changed, "\(report)")
        let shown = try agent.show("a.test")
        #expect(shown.summary.serial != first.serial)
        #expect(shown.history.count == 2)
        #expect(shown.summary.names == ["a.test", "b.test"])
        #expect(FileManager.default.fileExists(atPath: folder.path("store/archive/a.test/1/privkey.pem")))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("www/.well-known/acme-challenge")) == [])
        #expect(try agent.list().count == 1)
    }

    @Test func `force issues although nothing is due, and another name makes another certificate`() async throws {
        let ca = try await FakeCA(time)
        let agent = agent(ca)
        _ = try await agent.issue(ca.request(folder))
        var forced = ca.request(folder)
        forced.force = true
        #expect(try await agent.issue(forced).code == .changed)
        #expect(try await agent.issue(ca.request(folder, ["a.test", "c.test"])).code == .changed)
        #expect(try agent.show("a.test").summary.names == ["a.test", "c.test"])
    }

    @Test func `C-7.1.3-2 an authorization that is valid already is not answered again`() async throws {
        var faults = FakeCA.Faults()
        faults.authorizationsStartValid = true
        let ca = try await FakeCA(time, faults)
        #expect(try await agent(ca).issue(ca.request(folder)).code == .changed)
        #expect(!ca.requests.contains { $0.path.hasPrefix("/c/") })
        #expect(events.all.contains(.alreadyValid(name: "a.test")))
    }

    @Test func `C-7.1.4-1 a name and its wildcard go to the DNS program, each with its own cleanup`() async throws {
        let log = folder.path("hook.log")
        let hook = try folder.write(
            "hook.sh", "#!/bin/sh\necho \"$1 $2 $3 $CERTBOT_DOMAIN $CERTBOT_VALIDATION $CERTBOT_ALL_DOMAINS\" >> \(log)\n",
            mode: 0o755)
        let ca = try await FakeCA(time)
        var wild = ca.request(folder, ["*.w.test", "w.test"])
        wild.method = .dnsHook(hook)
        #expect(try await agent(ca).issue(wild).code == .changed)
        let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 4)
        #expect(lines.filter { $0.hasPrefix("present _acme-challenge.w.test. ") }.count == 2)
        #expect(lines.filter { $0.hasPrefix("cleanup _acme-challenge.w.test. ") }.count == 2)
        #expect(lines.allSatisfy { $0.contains(" w.test ") && $0.hasSuffix(" *.w.test,w.test") })
        #expect(FileManager.default.fileExists(atPath: folder.path("store/live/w.test/privkey.pem")))
    }

    @Test func `a wildcard without the DNS needs a person, before the CA is asked`() async throws {
        let ca = try await FakeCA(time)
        await #expect(throws: AgentError.self) { _ = try await agent(ca).issue(ca.request(folder, ["*.w.test"])) }
        #expect(ca.requests.isEmpty)
    }

    @Test func `C-8.3-2 a DNS program that fails has its cleanup run, and pending authorizations are given up`() async throws {
        let log = folder.path("hook.log")
        let hook = try folder.write("hook.sh", "#!/bin/sh\necho \"$1\" >> \(log)\n[ \"$1\" = cleanup ]\n", mode: 0o755)
        let ca = try await FakeCA(time)
        var dns = ca.request(folder)
        dns.method = .dnsHook(hook)
        await #expect(throws: AgentError.self) { _ = try await agent(ca).issue(dns) }
        #expect(try String(contentsOfFile: log, encoding: .utf8) == "present\ncleanup\n")
        #expect(ca.requests.contains { $0.path.hasPrefix("/a/") && $0.payload.contains("deactivated") })
    }

    @Test func `C-7.3-2 terms are agreed to by a person only, and C-7.3.4-1 a binding is asked for`() async throws {
        var faults = FakeCA.Faults()
        (faults.terms, faults.bindingRequired) = ("https://ca.test/terms", true)
        let ca = try await FakeCA(time, faults)
        var silent = ca.request(folder)
        silent.agreesToTerms = { _ in false }
        do {
            _ = try await agent(ca).issue(silent)
            Issue.record("agreed by itself")
        } catch {
            #expect(error.code == .needsPerson)
            #expect(error.message.contains("https://ca.test/terms") && error.message.contains("--agree-tos"))
        }
        do {
            _ = try await agent(ca).issue(ca.request(folder))
            Issue.record("issued without a binding")
        } catch { #expect(error.code == .needsPerson && error.message.contains("--eab-kid")) }
        var bound = ca.request(folder)
        bound.binding = try AccountBinding(keyIdentifier: "kid-1", key: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
        #expect(try await agent(ca).issue(bound).code == .changed)
        #expect(ca.requests.contains { $0.path == "/acct" && $0.payload.contains("externalAccountBinding") })
        #expect(!ca.requests.contains { $0.path == "/acct" && !$0.payload.contains("externalAccountBinding") })
    }

    @Test func `a dry run validates, gives up what it proved, and writes nothing`() async throws {
        let ca = try await FakeCA(time)
        var dry = ca.request(folder)
        dry.dryRun = true
        #expect(try await agent(ca).issue(dry) == .dryRunPassed)
        #expect(ca.requests.contains { $0.path.hasPrefix("/c/") })
        #expect(!ca.requests.contains { $0.path.hasPrefix("/f/") })
        #expect(ca.requests.contains { $0.path.hasPrefix("/a/") && $0.payload.contains("deactivated") })
        #expect(ca.requests.contains { $0.path == "/account/1" && $0.payload.contains("deactivated") })
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("store")) == ["lock"])
    }

    @Test func `a deploy hook that fails leaves the certificate installed, and renewal runs the hook again`() async throws {
        let flag = folder.path("works")
        let hook = try folder.write(
            "deploy.sh", "#!/bin/sh\ntest -e \(flag) && echo \"$RENEWED_LINEAGE|$RENEWED_DOMAINS\" > \(flag)\n", mode: 0o755)
        let ca = try await FakeCA(time)
        var deployed = ca.request(folder, ["a.test", "b.test"])
        deployed.deployHook = hook
        let agent = agent(ca)
        #expect(try await agent.issue(deployed).code == .notServed)
        #expect(try agent.show("a.test").summary.served == false)
        #expect(try await agent.renew(RenewRequest()).code == .notServed)
        try folder.write("works", "")
        #expect(try await agent.renew(RenewRequest()).code == .changed)
        #expect(try String(contentsOfFile: flag, encoding: .utf8) == "\(folder.path("store/live/a.test"))|a.test b.test\n")
        #expect(try await agent.renew(RenewRequest()).code == .nothingToDo)
    }

    @Test func `one certificate that cannot be renewed stops no other`() async throws {
        let ca = try await FakeCA(time)
        let agent = agent(ca)
        for name in ["a.test", "b.test", "c.test"] { _ = try await agent.issue(ca.request(folder, [name])) }
        try FileManager.default.removeItem(atPath: folder.path("store/live/b.test/lineage.json"))
        var all = RenewRequest()
        (all.force, all.preflight) = (true, false)
        let report = try await agent.renew(all)
        #expect(report.entries.map(\.code) == [.changed, .failed, .changed])
        #expect(report.code == .failed)
    }

    @Test func `revocation is told to the CA once and renewal passes the certificate over`() async throws {
        let ca = try await FakeCA(time)
        let agent = agent(ca)
        _ = try await agent.issue(ca.request(folder))
        #expect(try await agent.revoke("a.test", by: .certificateKey, reason: .superseded) == .changed)
        #expect(ca.requests.last?.path == "/revoke")
        #expect(ca.requests.last?.payload.contains(#""reason":4"#) == true)
        time.advance(86_400 * 5)
        #expect(try await agent.renew(RenewRequest()).entries.isEmpty)
        var named = RenewRequest()
        (named.name, named.preflight) = ("a.test", false)
        #expect(try await agent.renew(named).code == .changed)
    }

    @Test func `C-7.3.5-2 a roll-over that was killed is settled by asking the CA`() async throws {
        let ca = try await FakeCA(time)
        let agent = agent(ca)
        _ = try await agent.issue(ca.request(folder))
        let accounts = try FileManager.default.contentsOfDirectory(atPath: folder.path("store/accounts"))
        let account = "store/accounts/\(try #require(accounts.first))"
        let before = try String(contentsOfFile: folder.path("\(account)/key.pem"), encoding: .utf8)
        // Killed before the CA heard of it: the old key holds.
        try folder.write("\(account)/next-key.pem", SigningKey(.p256).pem, mode: 0o600)
        _ = try await agent.showAccount(ca.directory)
        #expect(try String(contentsOfFile: folder.path("\(account)/key.pem"), encoding: .utf8) == before)
        #expect(!FileManager.default.fileExists(atPath: folder.path("\(account)/next-key.pem")))
        let rolled = try await agent.rollOverAccount(ca.directory)
        let after = try String(contentsOfFile: folder.path("\(account)/key.pem"), encoding: .utf8)
        #expect(after != before)
        #expect(try SigningKey(pem: after).jwk.thumbprint == rolled.thumbprint)
        // Killed after the CA answered: the next key holds.
        try folder.write("\(account)/key.pem", before, mode: 0o600)
        try folder.write("\(account)/next-key.pem", after, mode: 0o600)
        #expect(try await agent.showAccount(ca.directory).thumbprint == rolled.thumbprint)
        #expect(try mode("\(account)/key.pem") == 0o600)
    }

    @Test func `a deactivated account signs nothing more, and the next issue makes a new one`() async throws {
        let ca = try await FakeCA(time)
        let agent = agent(ca)
        let first = try await agent.issue(ca.request(folder))
        #expect(first.code == .changed)
        try await agent.deactivateAccount(ca.directory)
        var forced = RenewRequest()
        (forced.force, forced.preflight) = (true, false)
        #expect(try await agent.renew(forced).code == .needsPerson)
        var again = ca.request(folder)
        again.force = true
        #expect(try await agent.issue(again).code == .changed)
    }

    @Test func `two at once on one store: the second waits, then says so`() async throws {
        let ca = try await FakeCA(time)
        let inner = try await FakeCA(time)
        let (folder, store) = (folder, folder.path("store"))
        let again = inner.request(folder)
        var first = ca.request(folder)
        first.method = nil
        first.choose = { _ in
            do throws(AgentError) {
                _ = try await inner.agent(store).issue(again)
                Issue.record("two held the lock")
            } catch { #expect(error.message.contains("Another chancery works on")) }
            return .webroot(folder.path("www"))
        }
        #expect(try await agent(ca).issue(first).code == .changed)
    }

    @Test func `a cancelled issue removes its answers`() async throws {
        var faults = FakeCA.Faults()
        faults.authorizationsStayPending = true
        let ca = try await FakeCA(time, faults)
        let agent = ca.agent(
            folder.path("store"), sleep: { _ in try await Task.sleep(for: .seconds(3600)) }, tell: { [events] in events.add($0) })
        let request = ca.request(folder)
        let task = Task { try await agent.issue(request) }
        try await eventually("the answer in place") { events.all.contains { if case .answerPlaced = $0 { true } else { false } } }
        task.cancel()
        await #expect(throws: AgentError.self) { try await task.value }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("www/.well-known/acme-challenge")) == [])
    }

    @Test func `every event is a line and a JSON object, and the command line reads back`() async throws {
        let ca = try await FakeCA(time)
        let agent = agent(ca)
        _ = try await agent.issue(ca.request(folder))
        for event in events.all {
            let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(event)) as? [String: Any]
            #expect(object?["event"] is String)
            #expect(!event.line.isEmpty && !event.line.contains("\u{1b}"))
        }
        #expect(shellLine(try agent.show("a.test").command).contains("-d a.test --webroot \(folder.path("www")) --key-type p256"))
        #expect(shellLine(["a b", "it's", ""]) == #"'a b' 'it'\''s' ''"#)
    }

    @Test func `CAs are listed, named, used, and forgotten; the closed one is refused`() async throws {
        let ca = try await FakeCA(time)
        let agent = agent(ca)
        try await agent.addAuthority("mine", url: ca.directory, root: nil)
        try await agent.useAuthority("mine")
        #expect(try agent.authorities().first { $0.isStandard }?.entry.name == "mine")
        var plain = ca.request(folder)
        plain.ca = nil
        #expect(try await agent.issue(plain).code == .changed)
        do {
            _ = try await agent.removeAuthority("mine")
            Issue.record("forgotten")
        } catch {
            #expect(error.message.contains("`chancery ca use`") && error.message.contains("It renews a.test"), "\(error)")
        }
        try await agent.useAuthority("letsencrypt")
        _ = try await agent.revoke("a.test")
        #expect(try await agent.removeAuthority("mine") == .changed)
        #expect(try await agent.removeAuthority("mine") == .nothingToDo)
        #expect(try agent.authorities().first { $0.isStandard }?.entry.name == "letsencrypt")
        for wrong in ["buypass", "nobody", "http://ca.test/dir"] {
            var request = ca.request(folder, ["z.test"])
            request.ca = wrong
            await #expect(throws: AgentError.self) { _ = try await agent.issue(request) }
        }
        await #expect(throws: AgentError.self) { try await agent.addAuthority("zerossl", url: ca.directory, root: nil) }
    }
}

/// What was told, in order.
final class EventList: Sendable {
    private let events = Mutex<[AgentEvent]>([])
    func add(_ event: AgentEvent) { events.withLock { $0.append(event) } }
    var all: [AgentEvent] { events.withLock { $0 } }
}
