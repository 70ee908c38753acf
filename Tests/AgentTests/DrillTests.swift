import ACME
import ACMEClient
import Foundation
import TestSupport
import Testing

@testable import Agent

/// Rehearsals at backup CAs.
struct DrillTests {
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
        faults.refuseOrder = { _ in mood.answer }
        second = try await FakeCA(time, faults, base: "https://two.test")
    }

    private func agent(sleep: (@Sendable (Duration) async throws -> Void)? = nil) -> CertificateAgent {
        FakeCA.agent(folder.path("store"), [first, second], sleep: sleep, tell: { [events] in events.add($0) })
    }

    private func prepare() async throws {
        #expect(try await agent().issue(first.request(folder)).code == .changed)
        var account = IssueRequest(names: [])
        account.ca = second.directory
        account.agreesToTerms = { _ in true }
        _ = try await agent().registerAccount(account)
        _ = try await agent().orderAuthorities([first.directory, second.directory])
    }

    private var orders: Int { second.requests.count { $0.path == "/order" } }

    @Test func `a backup CA issues, what it issued is thrown away, and how it did is kept`() async throws {
        try await prepare()
        let before = try agent().show("a.test")
        let results = try await agent().drill(nil, preflight: false)
        #expect(results.map(\.ca) == [second.directory] && results[0].code == .changed && results[0].name == "a.test")
        #expect(results[0].serial != nil && results[0].serial != before.summary.serial)
        #expect(try agent().show("a.test") == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("store/archive/a.test")) == ["1"])
        let health = agent().store.health(second.directory)
        #expect(health.lastSuccess == time.now && health.recent == [true])

        mood.answer = Mood.down
        let failed = try await agent().drill(second.directory, name: "a.test", preflight: false)
        #expect(failed[0].code == .failed && failed[0].serial == nil && failed[0].reason != nil)
        #expect(agent().store.health(second.directory).recent == [true, false])
    }

    @Test func `without a backup, or an account there, there is nothing to rehearse`() async throws {
        #expect(try await agent().issue(first.request(folder)).code == .changed)
        _ = try await agent().orderAuthorities([first.directory, second.directory])
        do {
            _ = try await agent().drill(nil)
            Issue.record("rehearsed")
        } catch { #expect(error.code == .nothingToDo) }
        let direct = try await agent().drill(second.directory, preflight: false)
        #expect(direct[0].code == .needsPerson && orders == 0)
    }

    @Test func `the agent rehearses once a month, tries again a day after a failure, and leaves a CA that is unwell alone`()
        async throws
    {
        try await prepare()
        #expect(try await agent().drillDue(preflight: false).isEmpty, "the first time is chosen by chance")
        let chosen = try #require(agent().store.drill(second.directory)?.next)
        #expect(chosen > time.now && chosen < time.now + 30 * 86_400)
        time.advance(20 * 86_400)
        #expect(try await agent().drillDue(preflight: false).map(\.code) == [.changed])
        #expect(try await agent().drillDue(preflight: false).isEmpty)
        time.advance(26 * 86_400)
        #expect(try await agent().drillDue(preflight: false).isEmpty)
        time.advance(8 * 86_400)
        mood.answer = Mood.down
        #expect(try await agent().drillDue(preflight: false).map(\.code) == [.failed])
        #expect(orders == 2)
        mood.answer = nil
        time.advance(3600)
        #expect(try await agent().drillDue(preflight: false).isEmpty)
        time.advance(86_400)
        #expect(try await agent().drillDue(preflight: false).map(\.code) == [.changed])
    }

    @Test func `the service does so by itself`() async throws {
        try await prepare()
        let time = time
        let agent = agent(sleep: { wait in
            if time.now.timeIntervalSince1970 > 1_800_000_000 + 40 * 86_400 { throw CancellationError() }
            time.advance(max(wait / .seconds(1), 6 * 3600))
        })
        var request = RenewRequest()
        request.preflight = false
        await agent.watch(request) { _ in }
        let drilled = events.all.filter { if case .drilled(second.directory, "a.test", _, _) = $0 { true } else { false } }
        #expect(drilled.count == 1)
    }
}
