import ACME
import ACMEClient
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// What is noted of CAs' limits, and what follows from it.
struct LedgerTests {
    static let letsEncrypt = "https://acme-v02.api.letsencrypt.org"
    let folder: TemporaryFolder
    let time = SimulatedTime()
    let events = EventList()
    let mood = FailoverTests.Mood()

    init() throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path("www"), withIntermediateDirectories: true)
    }

    /// A CA at Let's Encrypt's address, whose limits are known.
    private func known() async throws -> FakeCA {
        var faults = FakeCA.Faults()
        faults.directoryName = "directory"
        let mood = mood
        faults.refuseOrder = { _ in mood.answer }
        faults.refusesProofs = { mood.refusesProofs }
        return try await FakeCA(time, faults, base: Self.letsEncrypt)
    }

    private func agent(_ authorities: FakeCA...) -> CertificateAgent {
        FakeCA.agent(folder.path("store"), authorities, tell: { [events] in events.add($0) })
    }

    private var unchecked: RenewRequest {
        var request = RenewRequest()
        request.preflight = false
        return request
    }

    private func orders(_ ca: FakeCA) -> Int { ca.requests.count { $0.path == "/order" } }

    private static func limited(_ text: String, after seconds: Int) -> WireAnswer {
        WireAnswer(
            status: 429, headers: [("Retry-After", "\(seconds)")],
            body: Array(#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"\#(text)"}"#.utf8))
    }

    @Test func `what is asked is noted, and what is left is shown`() async throws {
        let ca = try await known()
        for name in ["a.example.com", "b.example.com", "c.example.org"] {
            _ = try await agent(ca).issue(ca.request(folder, [name]))
        }
        let found = try agent(ca).authority("letsencrypt")
        #expect(found.asked == ["orders": 3, "certificates": 3, "accounts": 1] && found.certificates == 3)
        func left(_ kind: Limit.Kind, _ key: String?) -> Int? {
            found.view.budgets.first { $0.limit.kind == kind && $0.key == key }?.left
        }
        #expect(left(.orders, nil) == 297 && left(.accounts, nil) == 9)
        #expect(left(.certificates, "example.com") == 48 && left(.certificates, "example.org") == 49)
        let shown = try agent(ca).show("a.example.com").budgets
        #expect(shown.map(\.limit.kind) == [.sameNames, .failures], "a renewal is spared the others")
        #expect(
            shown.first?.left == 4
                && shown.first?.words.hasPrefix("4 of 5 certificates for exactly a.example.com in 7 days") == true)
        time.advance(3 * 3600 + 1)
        #expect(try agent(ca).authority("letsencrypt").view.budgets.first?.left == 300)
        time.advance(8 * 86_400)
        #expect(try agent(ca).authority("letsencrypt").view.budgets.allSatisfy { $0.used == 0 })
        #expect(try agent(ca).authority("letsencrypt").asked.isEmpty)
    }

    @Test func `force says what it costs before the CA hears of it, and that nothing is left`() async throws {
        let ca = try await known()
        let heard = Mutex<[Int]>([])
        let agent = FakeCA.agent(
            folder.path("store"), [ca],
            tell: { [events] event in
                events.add(event)
                if case .cost = event { heard.withLock { $0.append(ca.requests.count { $0.path == "/order" }) } }
            })
        _ = try await agent.issue(ca.request(folder))
        var forced = unchecked
        forced.force = true
        var again = ca.request(folder)
        again.force = true
        _ = try await agent.issue(again)
        for _ in 0..<4 { _ = try await agent.renew(forced) }
        #expect(heard.withLock { $0 } == [1, 2, 3, 4, 5], "each time before its order")
        let costs = events.all.compactMap { event in if case .cost(_, _, let text) = event { text } else { nil } }
        #expect(costs.first == "1 of the 4 certificates for exactly a.test that are left of 5 in 7 days.")
        #expect(costs.last?.contains("most likely refuse") == true)
        let own = try await FakeCA(time, base: "https://own.test")
        #expect(self.agent(own).cost(["a.test"], .new, at: own.directory).contains("publishes no limits"))
    }

    @Test func `many renewals that move to a CA are spread over its limit, and time that is short overrules it`() async throws {
        let ca = try await known()
        var faults = FakeCA.Faults()
        let isDown = Mutex(false)
        faults.refuseOrder = { _ in isDown.withLock { $0 } ? FailoverTests.Mood.down : nil }
        faults.lifetime = 86_400 * 6
        let own = try await FakeCA(time, faults, base: "https://own.test")
        let agent = agent(own, ca)
        var account = IssueRequest(names: [])
        account.ca = ca.directory
        account.agreesToTerms = { _ in true }
        _ = try await agent.registerAccount(account)
        for index in 0..<50 {
            var request = own.request(folder, ["n\(index).example.com"])
            request.fallbacks = [ca.directory]
            _ = try await agent.issue(request)
        }
        time.advance(86_400 * 4.2)
        isDown.withLock { $0 = true }
        let report = try await agent.renew(unchecked)
        #expect(report.entries.count { $0.code == .changed } == 45 && orders(ca) == 45)
        let waiting = report.entries.filter { $0.code == .wait }
        #expect(waiting.count == 5)
        guard case .success(.postponed(_, let until, let reason))? = waiting.first?.result else { return #expect(Bool(false)) }
        #expect(reason.contains("example.com") || reason.contains("failed lately"), "\(reason)")
        #expect(until > time.now)
        // The plan knows what is used.
        #expect(
            try agent.plan(PlanRequest()).risks.contains { $0.kind == .limit && !$0.isGrave && $0.text.contains("45 are used") })
        time.advance(86_400 * 1.3)
        let urgent = try await agent.renew(unchecked)
        #expect(urgent.entries.count { $0.code == .changed } == 5 && orders(ca) == 50, "a site that expires is worse")
    }

    @Test func `a switch leaves the last tenth of a limit to people, and goes on when there is room`() async throws {
        let (own, ca) = (try await FakeCA(time, base: "https://own.test"), try await known())
        let agent = agent(own, ca)
        for name in ["a.example.com", "b.example.com", "c.example.com"] { _ = try await agent.issue(own.request(folder, [name])) }
        var page = LedgerPage()
        for _ in 0..<44 { page.add(Counted(at: time.now, kind: .certificates, key: "example.com")) }
        try agent.store.save(page, ca.directory, "example.com")
        var request = SwitchRequest(from: own.directory, to: ca.directory)
        request.preflight = false
        request.account.agreesToTerms = { _ in true }
        let report = try await agent.switchAuthority(request)
        #expect(report.code == .wait && orders(ca) == 1, "\(report)")
        time.advance(7 * 86_400 + 1)
        #expect(try await agent.switchAuthority(request).code == .changed)
        #expect(orders(ca) == 3)
    }

    @Test(arguments: [
        ("too many new orders recently", 7_200, 7_200.0, true), ("not so fast", 7_200, 3_600, true),
        ("not so fast", 600, 600, true),
        ("too many certificates (50) already issued for \\\"example.com\\\"", 7_200, 7_200, false),
    ])
    func `a time that the CA named holds for as much as its text says`(
        text: String, seconds: Int, holds: Double, forAll: Bool
    ) async throws {
        let ca = try await known()
        for name in ["a.example.com", "b.example.com", "c.example.org"] {
            _ = try await agent(ca).issue(ca.request(folder, [name]))
        }
        time.advance(86_400 * 4.2)
        mood.answer = Self.limited(text, after: seconds)
        let before = orders(ca)
        let report = try await agent(ca).renew(unchecked)
        #expect(report.entries.map(\.code) == [.wait, .wait, .wait])
        #expect(orders(ca) == before + (forAll ? 1 : 2), "the answer for one is the answer for all that it is about")
        mood.answer = nil
        time.advance(holds - 30)
        do {
            _ = try await agent(ca).issue(ca.request(folder, ["d.example.com"]))
            Issue.record("asked before the time was over")
        } catch { #expect(error.code == .wait) }
        time.advance(31)
        #expect(try await agent(ca).issue(ca.request(folder, ["d.example.com"])).code == .changed)
    }

    @Test func `issue waits for what the CA asked, force does not, and a clock that was set back ends it`() async throws {
        let ca = try await known()
        _ = try await agent(ca).issue(ca.request(folder))
        var page = agent(ca).store.ledger(ca.directory, nil)
        page.hold = LedgerPage.Hold(noted: time.now, until: time.now + 7_200, reason: "busy")
        try agent(ca).store.save(page, ca.directory, nil)
        let other = ca.request(folder, ["b.test"])
        do {
            _ = try await agent(ca).issue(other)
            Issue.record("asked all the same")
        } catch {
            #expect(error.code == .wait && error.until == time.now + 7_200 && error.message.contains("--force"))
        }
        var forced = other
        forced.force = true
        #expect(try await agent(ca).issue(forced).code == .changed)
        time.advance(-4_000)
        #expect(try await agent(ca).issue(ca.request(folder, ["c.test"])).code == .changed)
    }

    @Test func `failed validations of a name are counted, and it rests before the CA's limit`() async throws {
        let ca = try await known()
        mood.refusesProofs = true
        for _ in 0..<5 {
            await #expect(throws: AgentError.self) { _ = try await self.agent(ca).issue(ca.request(folder)) }
        }
        let asked = orders(ca)
        do {
            _ = try await agent(ca).issue(ca.request(folder))
            Issue.record("asked a sixth time")
        } catch { #expect(error.code == .wait && error.message.contains("failed validations of a.test")) }
        #expect(orders(ca) == asked)
        mood.refusesProofs = false
        #expect(try await agent(ca).issue(ca.request(folder, ["b.test"])).code == .changed, "another name")
        time.advance(3601)
        #expect(try await agent(ca).issue(ca.request(folder)).code == .changed)
    }

    @Test func `a dry run notes nothing, and a damaged ledger stops nothing`() async throws {
        let ca = try await known()
        _ = try await agent(ca).issue(ca.request(folder))
        let path = "\(agent(ca).store.account(ca.directory))/ledger.json"
        let before = try String(contentsOfFile: path, encoding: .utf8)
        var dry = ca.request(folder, ["b.test"])
        dry.dryRun = true
        _ = try await agent(ca).issue(dry)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == before)
        try Data("{\"notes\":".utf8).write(to: URL(fileURLWithPath: path))
        #expect(try await agent(ca).issue(ca.request(folder, ["c.test"])).code == .changed)
        #expect(try agent(ca).authority("letsencrypt").asked["orders"] == 1)
    }

    @Test func `pages are bounded, and old ones go`() async throws {
        var page = LedgerPage()
        for index in 0..<5_000 {
            page.add(Counted(at: time.now + Double(index), kind: .orders))
            page.count(.orders, on: "2026-\(index / 100)")
        }
        #expect(page.notes.count == LedgerPage.most && page.notes.last?.at == time.now + 4_999 && page.days.count <= 31)
        let ca = try await known()
        _ = try await agent(ca).issue(ca.request(folder, ["a.example.com"]))
        #expect(agent(ca).store.ledgerDomains(ca.directory) == ["example.com"])
        time.advance(9 * 86_400)
        _ = try await agent(ca).issue(ca.request(folder, ["a.example.org"]))
        #expect(agent(ca).store.ledgerDomains(ca.directory) == ["example.org"])
    }

    @Test func `a set of names is one, whatever its order, and short however many they are`() {
        #expect(Limit.Kind.set(["b.test", "a.test", "b.test"]) == "a.test, b.test")
        let many = (0..<100).map { "name-\($0).example.com" }
        #expect(Limit.Kind.set(many) == Limit.Kind.set(many.shuffled()))
        #expect(Limit.Kind.set(many).utf8.count < 200)
        #expect(Limit.Kind.set(many) != Limit.Kind.set(Array(many.dropLast())))
    }
}
