import ACME
import ACMEClient
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// Renewals that move to another CA, and those that must not.
struct FailoverTests {
    /// What a CA does to orders at the moment.
    final class Mood: Sendable {
        private let state = Mutex<WireAnswer?>(nil)
        private let proofs = Mutex(false)
        var refusesProofs: Bool {
            get { proofs.withLock { $0 } }
            set { proofs.withLock { $0 = newValue } }
        }
        var answer: WireAnswer? {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
        static let down = WireAnswer(status: 502, body: Array("<html>Bad Gateway".utf8))
        static func problem(_ type: String, _ status: Int) -> WireAnswer {
            WireAnswer(status: status, body: Array(#"{"type":"urn:ietf:params:acme:error:\#(type)","detail":"no"}"#.utf8))
        }
    }

    let folder: TemporaryFolder
    let time = SimulatedTime()
    let events = EventList()
    let firstMood = Mood()
    let secondMood = Mood()
    let first: FakeCA
    let second: FakeCA

    init() async throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path("www"), withIntermediateDirectories: true)
        let clock = time
        let due = clock.now + 86_400 * 4
        func ca(_ base: String, _ mood: Mood) async throws -> FakeCA {
            var faults = FakeCA.Faults()
            faults.refuseOrder = { _ in mood.answer }
            faults.refusesProofs = { mood.refusesProofs }
            faults.terms = "\(base)/terms"
            faults.advice = { _ in FakeCA.window(due, due + 60) }
            return try await FakeCA(clock, faults, base: base)
        }
        first = try await ca("https://one.test", firstMood)
        second = try await ca("https://two.test", secondMood)
    }

    private func agent() -> CertificateAgent {
        FakeCA.agent(folder.path("store"), [first, second], tell: { [events] in events.add($0) })
    }

    private func request(_ ca: FakeCA, _ names: [String] = ["a.test"]) -> IssueRequest {
        var request = IssueRequest(names: names)
        (request.ca, request.method, request.preflight) = (ca.directory, .webroot(folder.path("www")), false)
        request.agreesToTerms = { _ in true }
        return request
    }

    private var unchecked: RenewRequest {
        var request = RenewRequest()
        request.preflight = false
        return request
    }

    private func orders(_ ca: FakeCA) -> [String] { ca.requests.filter { $0.path == "/order" }.map(\.payload) }

    private func register(at ca: FakeCA) async throws {
        var account = IssueRequest(names: [])
        account.ca = ca.directory
        account.agreesToTerms = { _ in true }
        _ = try await agent().registerAccount(account)
    }

    @Test(arguments: [true, false])
    func `a CA that fails is replaced by the next, for one certificate or for all, and has its certificate back later`(
        forAll: Bool
    ) async throws {
        try await register(at: second)
        var wanted = request(first)
        if forAll {
            _ = try await agent().orderAuthorities([first.directory, second.directory])
        } else {
            wanted.fallbacks = [second.directory]
        }
        #expect(try await agent().issue(wanted).code == .changed)
        time.advance(86_400 * 4.2)
        firstMood.answer = Mood.down
        #expect(try await agent().renew(unchecked).code == .changed)
        let moved = try agent().show("a.test").summary
        #expect(moved.ca == second.directory)
        #expect(
            events.all.contains {
                if case .failedOver("a.test", first.directory, second.directory, _) = $0 { true } else { false }
            })
        #expect(orders(first).last?.contains("replaces") == true)
        #expect(orders(second).allSatisfy { !$0.contains("replaces") }, "another CA hears nothing of the old certificate")
        #expect(shellLine(try agent().show("a.test").command).contains("--ca \(first.directory)"))
        #expect(try agent().authorities().first?.health == Health(), "no CA that was not asked is judged")
        firstMood.answer = nil
        time.advance(86_400 * 4.2)
        #expect(try await agent().renew(unchecked).code == .changed)
        #expect(try agent().show("a.test").summary.ca == first.directory)
    }

    @Test func `without a pool, and without an account there, no renewal goes to another CA`() async throws {
        #expect(try await agent().issue(request(first)).code == .changed)
        time.advance(86_400 * 4.2)
        firstMood.answer = Mood.down
        #expect(try await agent().renew(unchecked).code == .failed)
        #expect(try await agent().orderAuthorities([first.directory, second.directory]) == [second.directory])
        var forced = unchecked
        forced.force = true
        #expect(try await agent().renew(forced).code == .failed)
        #expect(second.requests.isEmpty)
    }

    @Test func `a proof that fails is not tried at the next CA before time is short`() async throws {
        try await register(at: second)
        _ = try await agent().orderAuthorities([first.directory, second.directory])
        #expect(try await agent().issue(request(first)).code == .changed)
        time.advance(86_400 * 4.2)
        firstMood.refusesProofs = true
        #expect(try await agent().renew(unchecked).code == .needsPerson)
        #expect(orders(second).isEmpty)
        #expect(agent().store.health(first.directory).isWell(at: time.now), "it is not the CA's fault")
        time.advance(86_400 * 1.3)
        #expect(try await agent().renew(unchecked).code == .changed)
        #expect(try agent().show("a.test").summary.ca == second.directory)
    }

    @Test(arguments: [("caa", 403), ("rejectedIdentifier", 400), ("rateLimited", 429), ("unauthorized", 403)])
    func `what a CA refuses for a name the next one may grant, and the CA is as well as before`(type: String, status: Int)
        async throws
    {
        try await register(at: second)
        var wanted = request(first)
        wanted.fallbacks = [second.directory]
        _ = try await agent().issue(wanted)
        time.advance(86_400 * 4.2)
        firstMood.answer = Mood.problem(type, status)
        #expect(try await agent().renew(unchecked).code == .changed)
        #expect(try agent().show("a.test").summary.ca == second.directory)
        #expect(agent().store.health(first.directory).isWell(at: time.now))
    }

    @Test func `when all fail, each is told with its reason, and the old certificate stays`() async throws {
        try await register(at: second)
        var wanted = request(first)
        wanted.fallbacks = [second.directory]
        _ = try await agent().issue(wanted)
        let serial = try agent().show("a.test").summary.serial
        time.advance(86_400 * 4.2)
        (firstMood.answer, secondMood.answer) = (Mood.down, Mood.problem("serverInternal", 500))
        let report = try await agent().renew(unchecked)
        guard case .failure(let error) = try #require(report.entries.first).result else { return #expect(Bool(false)) }
        #expect(error.message.contains(first.directory) && error.message.contains(second.directory))
        #expect(try agent().show("a.test").summary.serial == serial)
    }

    @Test func `a CA that is down is found out once, not by each of many certificates, unless time is short`() async throws {
        for index in 0..<5 { _ = try await agent().issue(request(first, ["n\(index).test"])) }
        time.advance(86_400 * 4.2)
        firstMood.answer = Mood.down
        let before = orders(first).count
        let report = try await agent().renew(unchecked)
        #expect(report.entries.map(\.code) == [.failed, .wait, .wait, .wait, .wait])
        #expect(orders(first).count == before + 1)
        let health = agent().store.health(first.directory)
        #expect(!health.isWell(at: time.now) && health.failures == 1 && health.errorRate == 1.0 / 6)
        time.advance(86_400 * 1.3)
        firstMood.answer = Mood.down
        _ = try await agent().renew(unchecked)
        #expect(orders(first).count == before + 6, "in the last tenth every certificate is tried")
        firstMood.answer = nil
        time.advance(86_400 * 0.3)
        #expect(try await agent().renew(unchecked).code == .changed)
        #expect(agent().store.health(first.directory).errorRate.map { $0 < 1 } == true)
    }

    @Test func `CAs are ordered, tested, and not forgotten while renewals may turn to them`() async throws {
        try await agent().addAuthority("one", url: first.directory, root: nil)
        try await agent().addAuthority("two", url: second.directory, root: nil)
        try await register(at: second)
        #expect(try await agent().orderAuthorities(["one", "two"]) == ["one"])
        let views = try agent().authorities()
        #expect(views.filter { $0.place != nil }.map(\.entry.name) == ["one", "two"])
        #expect(views.first { $0.isStandard }?.entry.name == "one")
        let tested = try await agent().testAuthority("two")
        #expect(tested.account == "https://two.test/account/1" && tested.renewalInfo)
        #expect(try await agent().testAuthority("one").account == nil)
        await #expect(throws: AgentError.self) { _ = try await agent().removeAuthority("two") }
        await #expect(throws: AgentError.self) { _ = try await agent().orderAuthorities(["one", "one"]) }
        var wanted = request(first)
        wanted.fallbacks = ["two"]
        _ = try await agent().issue(wanted)
        _ = try await agent().orderAuthorities([])
        do {
            _ = try await agent().removeAuthority("two")
            Issue.record("forgotten")
        } catch { #expect(error.message.contains("a.test")) }
        second.forgetAccounts()
        await #expect(throws: AgentError.self) { _ = try await agent().testAuthority("two") }
    }
}
