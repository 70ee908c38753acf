import ACME
import ACMEClient
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// Renewal information (RFC 9773), and the service that lives by it.
struct AdviceTests {
    let folder: TemporaryFolder
    let time = SimulatedTime()
    let events = EventList()

    init() throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path("www"), withIntermediateDirectories: true)
    }

    private func agent(_ ca: FakeCA, chance: Double = 0.5) -> CertificateAgent {
        ca.agent(folder.path("store"), chance: { chance }, tell: { [events] in events.add($0) })
    }

    private var unchecked: RenewRequest {
        var request = RenewRequest()
        request.preflight = false
        return request
    }

    private func ca(_ change: (inout FakeCA.Faults) -> Void) async throws -> FakeCA {
        var faults = FakeCA.Faults()
        change(&faults)
        return try await FakeCA(time, faults)
    }

    /// What is on disk about the certificate.
    private func kept(_ ca: FakeCA) throws -> Advice {
        let lineage = try #require(try agent(ca).store.lineage("a.test"))
        return try #require(agent(ca).store.advice(lineage))
    }

    private func orders(_ ca: FakeCA) -> [String] { ca.requests.filter { $0.path == "/order" }.map(\.payload) }
    private func questions(_ ca: FakeCA) -> Int { ca.requests.count { $0.path.hasPrefix("/ari/") } }

    @Test func `C9773-4.2-1 C9773-4.3-1 the instant is chosen once in the window, kept over runs, and renewal replaces`()
        async throws
    {
        let (start, end) = (time.now + 86_400 * 2, time.now + 86_400 * 3)
        let ca = try await ca { $0.advice = { _ in FakeCA.window(start, end) } }
        _ = try await agent(ca, chance: 0.25).issue(ca.request(folder))
        #expect(questions(ca) == 1, "asked right after issuance")
        let chosen = start + 86_400 * 0.25
        // Other dice, the same choice.
        #expect(try agent(ca, chance: 0.9).show("a.test").summary.due == chosen)
        time.advance(chosen.timeIntervalSince(time.now) - 1)
        #expect(try await agent(ca, chance: 0).renew(unchecked).code == .nothingToDo)
        #expect(questions(ca) == 2)
        time.advance(2)
        let old = try #require(try agent(ca).store.lineage("a.test")?.identifier)
        #expect(try await agent(ca, chance: 0.9).renew(unchecked).code == .changed)
        #expect(orders(ca).last?.contains(#""replaces":"\#(old)""#) == true)
        #expect(!old.contains("="))
        #expect(events.all.contains(.due(name: "a.test", reason: .advised)))
        #expect(try agent(ca).store.lineage("a.test")?.identifier != old)
    }

    @Test func `C9773-4.2-1 a window that moves into the past is announced and acted on at once, with the page that says why`()
        async throws
    {
        let isRevoking = Mutex(false)
        let time = time
        let ca = try await ca {
            $0.advice = { _ in
                isRevoking.withLock { $0 }
                    ? FakeCA.window(time.now - 7_200, time.now - 3_600)
                    : FakeCA.window(time.now + 86_400 * 3, time.now + 86_400 * 4)
            }
        }
        _ = try await agent(ca).issue(ca.request(folder))
        time.advance(86_400)
        isRevoking.withLock { $0 = true }
        #expect(try await agent(ca).renew(unchecked).code == .changed)
        #expect(events.all.contains { if case .advised(_, _, _, _, "https://ca.test/why") = $0 { true } else { false } })
        // The CA says so of the new one too: it is not asked for certificates for ever.
        for _ in 0..<5 { #expect(try await agent(ca).renew(unchecked).code == .nothingToDo) }
        #expect(orders(ca).count == 2)
    }

    @Test(arguments: [
        #"{"suggestedWindow":{"start":"2030-01-02T00:00:00Z","end":"2030-01-01T00:00:00Z"}}"#,
        #"{"suggestedWindow":{"start":"2030-01-02T00:00:00Z","end":"2030-01-02T00:00:00Z"}}"#,
        #"{"suggestedWindow":{"start":"soon","end":"later"}}"#, "{}", "<html>", "[]", #"{"suggestedWindow":null}"#,
    ])
    func `C9773-4.2-1 a window that is none is as good as no answer`(body: String) async throws {
        let ca = try await ca { $0.advice = { _ in WireAnswer(status: 200, body: Array(body.utf8)) } }
        _ = try await agent(ca).issue(ca.request(folder))
        let summary = try agent(ca).show("a.test").summary
        #expect(summary.dueReason == .third)
        time.advance(86_400 * 4.1)
        #expect(try await agent(ca).renew(unchecked).code == .changed)
    }

    @Test func `a window after the end of the certificate does not let it expire`() async throws {
        let time = time
        let ca = try await ca { $0.advice = { _ in FakeCA.window(time.now + 86_400 * 30, time.now + 86_400 * 40) } }
        _ = try await agent(ca).issue(ca.request(folder))
        time.advance(86_400 * 5.3)
        #expect(try await agent(ca).renew(unchecked).code == .nothingToDo)
        time.advance(86_400 * 0.2)
        #expect(try await agent(ca).renew(unchecked).code == .changed)
        #expect(events.all.contains(.due(name: "a.test", reason: .emergency)))
    }

    @Test(arguments: [
        ("0", 60.0), ("3600", 3_600), ("1000000000", 43_200), ("-5", 21_600), ("Sun, 06 Nov 2094 08:49:37 GMT", 43_200),
    ])
    func `C9773-4.3-2 Retry-After is clamped between a minute and half a day`(text: String, wait: Double) async throws {
        let time = time
        let ca = try await ca {
            $0.advice = { _ in FakeCA.window(time.now + 86_400 * 3, time.now + 86_400 * 4, [("Retry-After", text)]) }
        }
        _ = try await agent(ca).issue(ca.request(folder))
        let advice = try kept(ca)
        #expect(advice.next == time.now + wait)
        time.advance(wait - 2)
        _ = try await agent(ca).renew(unchecked)
        #expect(questions(ca) == 1)
        time.advance(3)
        _ = try await agent(ca).renew(unchecked)
        #expect(questions(ca) == 2)
    }

    @Test func `C9773-4.3-3 after failures the questions grow rare, what was advised holds on, and the first answer ends it`()
        async throws
    {
        let status = Mutex(200)
        let (start, end) = (time.now + 86_400 * 3, time.now + 86_400 * 4)
        let ca = try await ca {
            $0.advice = { _ in
                status.withLock { $0 } == 200 ? FakeCA.window(start, end) : WireAnswer(status: status.withLock { $0 })
            }
        }
        _ = try await agent(ca).issue(ca.request(folder))
        time.advance(21_601)
        status.withLock { $0 = 502 }
        var pauses: [Double] = []
        for _ in 0..<5 {
            _ = try await agent(ca).renew(unchecked)
            let advice = try kept(ca)
            pauses.append(advice.next.timeIntervalSince(time.now).rounded())
            #expect(advice.chosen == start + 43_200)
            time.advance(advice.next.timeIntervalSince(time.now) + 1)
        }
        #expect(zip(pauses, [60.0, 600, 6_000, 21_600, 21_600]).allSatisfy { abs($0 - $1) <= 1 }, "\(pauses)")
        status.withLock { $0 = 404 }
        _ = try await agent(ca).renew(unchecked)
        status.withLock { $0 = 200 }
        time.advance(21_602)
        _ = try await agent(ca).renew(unchecked)
        let advice = try kept(ca)
        #expect(advice.failures == 0)
    }

    @Test(arguments: [
        (409, "alreadyReplaced", "certificate already has a replacement order"),
        (400, "malformed", "requester account did not request the certificate being replaced"),
        (403, "unauthorized", "no"), (404, "malformed", "Cannot find any certificate to replace"),
        (500, "serverInternal", "oops"),
    ])
    func `C9773-5-1 whatever a CA has against the replacement, the order is made without`(
        status: Int, type: String, detail: String
    ) async throws {
        let time = time
        let seen = Mutex<[Bool]>([])
        var faults = FakeCA.Faults()
        faults.advice = { _ in FakeCA.window(time.now + 86_400, time.now + 86_400 * 2) }
        faults.refuseOrder = { payload in
            seen.withLock { $0.append(payload.contains("replaces")) }
            guard payload.contains("replaces") else { return nil }
            return WireAnswer(
                status: status,
                body: Array(#"{"type":"urn:ietf:params:acme:error:\#(type)","detail":"\#(detail)"}"#.utf8))
        }
        let ca = try await FakeCA(time, faults)
        _ = try await agent(ca).issue(ca.request(folder))
        var forced = unchecked
        forced.force = true
        #expect(try await agent(ca).renew(forced).code == .changed)
        #expect(seen.withLock { $0 } == [false, true, false])
    }

    @Test func `C9773-5-1 another account, another CA or one without renewal information is told of no replacement`() async throws
    {
        let time = time
        let plain = try await ca { _ in }
        _ = try await agent(plain).issue(plain.request(folder))
        var forced = unchecked
        forced.force = true
        _ = try await agent(plain).renew(forced)
        let advising = try await ca { $0.advice = { _ in FakeCA.window(time.now + 86_400, time.now + 86_400 * 2) } }
        var other = try #require(try agent(plain).store.lineage("a.test"))
        other.account = "https://ca.test/account/2"
        try agent(plain).store.update(other)
        try FileManager.default.removeItem(atPath: folder.path("store/accounts"))
        var again = advising.request(folder)
        again.force = true
        _ = try await agent(advising).issue(again)
        #expect((orders(plain) + orders(advising)).allSatisfy { !$0.contains("replaces") })
    }

    // MARK: The service

    /// Runs the service until the simulated time has come to `end`.
    private func watch(_ ca: FakeCA, until end: Date, each: @escaping @Sendable (Date) -> Void = { _ in }) async {
        let time = time
        let agent = ca.agent(
            folder.path("store"), chance: { .random(in: 0..<1) },
            sleep: { wait in
                guard time.now < end else { throw CancellationError() }
                time.advance(wait / .seconds(1))
                each(time.now)
            }, tell: { [events] in events.add($0) })
        var request = RenewRequest()
        request.preflight = false
        await agent.watch(request) { _ in }
    }

    @Test(arguments: [(6, 3.0), (47, 0.9)])
    func `the service renews each certificate in its time, and asks twice a day`(days: Int, lifetimes: Double) async throws {
        let (time, store) = (time, StoreFolder(folder.path("store")))
        let ca = try await ca {
            $0.lifetime = 86_400 * days
            $0.advice = { _ in FakeCA.window(time.now + Double(days) * 40_000, time.now + Double(days) * 50_000) }
        }
        _ = try await agent(ca).issue(ca.request(folder))
        _ = try await agent(ca).issue(ca.request(folder, ["b.test"]))
        let before = (time.now, questions(ca))
        let least = Mutex(1.0)
        await watch(ca, until: time.now + Double(days) * 86_400 * lifetimes) { now in
            for name in ["a.test", "b.test"] {
                guard let lineage = (try? store.lineage(name)) ?? nil else { continue }
                least.withLock { $0 = min($0, lineage.notAfter.timeIntervalSince(now) / lineage.lifetime) }
            }
        }
        #expect(least.withLock { $0 } > 0.08, "a tenth of the lifetime is left at all times")
        let halfDays = time.now.timeIntervalSince(before.0) / 43_200
        #expect(Double(questions(ca) - before.1) >= halfDays * 2 * 0.9)
        let issued = orders(ca).count
        #expect((2 * Int(lifetimes.rounded(.up)) + 1...16).contains(issued), "\(issued) orders for two certificates")
    }

    @Test func `a CA that is down for days costs few requests, and the certificate is renewed when it is back`() async throws {
        let (time, store) = (time, StoreFolder(folder.path("store")))
        let isDown = Mutex(false)
        let ca = try await ca {
            $0.lifetime = 86_400 * 47
            $0.tamper = { path, answer in
                if isDown.withLock({ $0 }) { answer = WireAnswer(status: 502, body: Array("<html>Bad Gateway".utf8)) }
            }
        }
        _ = try await agent(ca).issue(ca.request(folder))
        let lineage = try #require(try store.lineage("a.test"))
        time.advance(86_400 * 31)
        isDown.withLock { $0 = true }
        let before = ca.requests.count
        await watch(ca, until: time.now + 86_400 * 9)
        #expect((2...60).contains(ca.requests.count - before), "\(ca.requests.count - before) requests in nine days")
        #expect(try store.lineage("a.test")?.serial == lineage.serial)
        isDown.withLock { $0 = false }
        await watch(ca, until: time.now + 86_400 * 1.5)
        #expect(try store.lineage("a.test")?.serial != lineage.serial)
    }

    @Test func `a deploy hook that fails is tried again by the service, with pauses, and its debt is on disk`() async throws {
        let ca = try await ca { _ in }
        let log = folder.path("hook.log")
        let hook = try folder.write("deploy.sh", "#!/bin/sh\necho x >> \(log)\n[ $(wc -l < \(log)) -ge 5 ]\n", mode: 0o755)
        var deployed = ca.request(folder)
        deployed.deployHook = hook
        #expect(try await agent(ca).issue(deployed).code == .notServed)
        await watch(ca, until: time.now + 7_200)
        #expect(try String(contentsOfFile: log, encoding: .utf8).count / 2 == 4, "1, 10 and 100 minutes")
        await watch(ca, until: time.now + 86_400)
        #expect(try agent(ca).show("a.test").summary.served)
        #expect(agent(ca).store.failures("a.test", .deploy) == nil)
    }

    @Test func `a store that goes away is told and waited for`() async throws {
        let ca = try await ca { _ in }
        try folder.write("store", "a file")
        await watch(ca, until: time.now + 3_600)
        #expect(events.all.contains { if case .warning = $0 { true } else { false } })
    }
}
