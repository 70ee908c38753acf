import ACME
import ACMEClient
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// What is remembered from one run to the next: failures, pauses, chains, accounts.
struct RenewalTests {
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

    private var unchecked: RenewRequest {
        var request = RenewRequest()
        request.preflight = false
        return request
    }

    /// A CA that can be told to fail at newOrder.
    private func moodyCA(_ answer: @escaping @Sendable () -> WireAnswer?) async throws -> FakeCA {
        var faults = FakeCA.Faults()
        faults.tamper = { path, whole in
            guard path == "/order", let other = answer() else { return }
            whole = WireAnswer(
                status: other.status, headers: other.headers + whole.headers.filter { $0.name == "Replay-Nonce" },
                body: other.body)
        }
        return try await FakeCA(time, faults)
    }

    private static func problem(_ type: String, _ status: Int, _ headers: [(name: String, value: String)] = []) -> WireAnswer {
        WireAnswer(
            status: status, headers: headers,
            body: Array(#"{"type":"urn:ietf:params:acme:error:\#(type)","detail":"not today"}"#.utf8))
    }

    @Test func `after failures the pauses grow, are kept on disk, end with success, and force does not wait`() async throws {
        let isFailing = Mutex(false)
        let ca = try await moodyCA { isFailing.withLock { $0 } ? Self.problem("serverInternal", 500) : nil }
        _ = try await agent(ca).issue(ca.request(folder))
        time.advance(86_400 * 4.1)
        isFailing.withLock { $0 = true }
        var pauses: [Double] = []
        for _ in 0..<5 {
            // A new agent each time: what is known is known from the disk.
            #expect(try await agent(ca).renew(unchecked).code == .failed)
            let orders = ca.requests.count { $0.path == "/order" }
            let report = try await agent(ca).renew(unchecked)
            guard case .success(.postponed(_, let until, let reason)) = try #require(report.entries.first).result else {
                return #expect(Bool(false), "\(report)")
            }
            #expect(report.code == .wait && reason.contains("not today"))
            #expect(ca.requests.count { $0.path == "/order" } == orders, "the CA was asked during a pause")
            pauses.append(until.timeIntervalSince(time.now))
            time.advance(pauses.last ?? 0)
        }
        // Six days of lifetime: six hours at most, an eighth less with a chance of one half.
        #expect(pauses.map { ($0 / 8.75).rounded() * 10 } == [60, 600, 6_000, 21_600, 21_600])
        #expect(try await agent(ca).renew(unchecked).code == .failed)
        isFailing.withLock { $0 = false }
        var forced = unchecked
        forced.force = true
        #expect(try await agent(ca).renew(forced).code == .changed)
        #expect(agent(ca).store.failures("a.test") == nil)
        #expect(try await agent(ca).renew(unchecked).code == .nothingToDo)
    }

    @Test func `a time that the CA named holds over runs, for issue too, and force asks all the same`() async throws {
        let isFull = Mutex(true)
        let ca = try await moodyCA {
            isFull.withLock { $0 } ? Self.problem("rateLimited", 429, [("Retry-After", "7200")]) : nil
        }
        for _ in 0..<2 {
            do {
                _ = try await agent(ca).issue(ca.request(folder))
                Issue.record("issued")
            } catch { #expect(error.code == .wait && error.until == time.now + 7_200) }
        }
        #expect(ca.requests.count { $0.path == "/order" } == 1, "the second run did not ask")
        isFull.withLock { $0 = false }
        var forced = ca.request(folder)
        forced.force = true
        #expect(try await agent(ca).issue(forced).code == .changed)
        isFull.withLock { $0 = true }
        forced.names = ["b.test"]
        await #expect(throws: AgentError.self) { _ = try await agent(ca).issue(forced) }
        isFull.withLock { $0 = false }
        time.advance(7_201)
        #expect(try await agent(ca).issue(ca.request(folder, ["b.test"])).code == .changed)
    }

    @Test func `a damaged note of failures stops nothing`() async throws {
        let ca = try await moodyCA { nil }
        _ = try await agent(ca).issue(ca.request(folder))
        try FileManager.default.createDirectory(atPath: folder.path("store/state/a.test"), withIntermediateDirectories: true)
        try folder.write("store/state/a.test/failures.json", "{\"count\":")
        time.advance(86_400 * 4.1)
        #expect(try await agent(ca).renew(unchecked).code == .changed)
    }

    @Test(arguments: [1, 2, 3, 4, 5, 1_000_000]) func `a pause is never longer than a day or a 24th of the lifetime`(count: Int) {
        for lifetime in [nil, 3_600, 86_400 * 6, 86_400 * 47, 86_400 * 398] as [Double?] {
            for chance in [0.0, 0.999, -1, 2] {
                let pause = Backoff.pause(after: count, lifetime: lifetime, chance: chance)
                #expect(pause >= 45 && pause <= min(86_400, max(60, (lifetime ?? .infinity) / 24)))
            }
        }
    }

    @Test func `the chain to the preferred root is chosen, remembered for renewal, and shown`() async throws {
        var faults = FakeCA.Faults()
        faults.alternateRoots = ["Other Root", "Third Root"]
        let ca = try await FakeCA(time, faults)
        var wanted = ca.request(folder)
        wanted.preferredChain = "third root"
        #expect(try await agent(ca).issue(wanted).code == .changed)
        func topIssuer() async throws -> String {
            try await Program.succeed(
                "openssl", ["x509", "-in", folder.path("store/live/a.test/chain.pem"), "-noout", "-issuer"])
        }
        #expect(try await topIssuer().contains("Third Root"))
        #expect(shellLine(try agent(ca).show("a.test").command).contains("--preferred-chain 'third root'"))
        time.advance(86_400 * 4.1)
        #expect(try await agent(ca).renew(unchecked).code == .changed)
        #expect(try await topIssuer().contains("Third Root"))
        wanted.preferredChain = "Fake Root"
        #expect(try await agent(ca).issue(wanted).code == .changed, "another chain is another certificate")
        #expect(try await topIssuer().contains("Fake Root"))
    }

    @Test func `a root that the CA does not offer is told with those that it does, and its own chain serves`() async throws {
        var faults = FakeCA.Faults()
        faults.alternateRoots = ["Other Root"]
        let ca = try await FakeCA(time, faults)
        var wanted = ca.request(folder)
        wanted.preferredChain = "No Such Root"
        #expect(try await agent(ca).issue(wanted).code == .changed)
        #expect(
            events.all.contains {
                if case .warning(let text) = $0 {
                    text.contains("No Such Root") && text.contains("Fake Root, Other Root")
                } else {
                    false
                }
            })
    }

    @Test func `C-7.4.2-1 an alternate chain for another certificate or key is refused`() async throws {
        var faults = FakeCA.Faults()
        (faults.alternateRoots, faults.alternatesOfAnother) = (["Other Root"], true)
        let ca = try await FakeCA(time, faults)
        var wanted = ca.request(folder)
        wanted.preferredChain = "Other Root"
        #expect(try await agent(ca).issue(wanted).code == .changed)
        let issuer = try await Program.succeed(
            "openssl", ["x509", "-in", folder.path("store/live/a.test/chain.pem"), "-noout", "-issuer"])
        #expect(issuer.contains("Fake Root"))
        #expect(events.all.contains { if case .warning(let text) = $0 { text.contains("another certificate") } else { false } })
    }

    @Test func `an account that the CA lost is registered again there, with the same key, by renewal too`() async throws {
        let ca = try await FakeCA(time)
        _ = try await agent(ca).issue(ca.request(folder))
        let key = try await agent(ca).showAccount(ca.directory).thumbprint
        ca.forgetAccounts()
        time.advance(86_400 * 4.1)
        #expect(try await agent(ca).renew(unchecked).code == .changed)
        #expect(try await agent(ca).showAccount(ca.directory).thumbprint == key)
        #expect(
            events.all.contains {
                if case .warning(let text) = $0 { text.contains("no longer knows the account") } else { false }
            })
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("store/accounts")).count == 1)
    }

    @Test func `a lost account is not registered again under terms that nobody agreed to`() async throws {
        let terms = Mutex("https://ca.test/terms/1")
        var faults = FakeCA.Faults()
        faults.terms = "TERMS"
        faults.tamper = { path, answer in
            guard path == "/dir" else { return }
            let text = String(decoding: answer.body, as: UTF8.self)
            answer.body = Array(text.replacingOccurrences(of: "TERMS", with: terms.withLock { $0 }).utf8)
        }
        let ca = try await FakeCA(time, faults)
        _ = try await agent(ca).issue(ca.request(folder))
        ca.forgetAccounts()
        var forced = unchecked
        forced.force = true
        #expect(try await agent(ca).renew(forced).code == .changed, "the terms are those that were agreed to")
        ca.forgetAccounts()
        terms.withLock { $0 = "https://ca.test/terms/2" }
        let report = try await agent(ca).renew(forced)
        guard case .failure(let error) = try #require(report.entries.first).result else {
            return #expect(Bool(false), "renewed")
        }
        #expect(error.code == .needsPerson && error.message.contains("https://ca.test/terms/2"))
        var again = ca.request(folder)
        again.force = true
        #expect(try await agent(ca).issue(again).code == .changed)
    }
}
