import ACME
import ACMEClient
import Agent
import Foundation
import Synchronization
import TestSupport
import Testing

/// What a newcomer runs into: refusals half-way, folders that are none, accounts that are gone.
struct MishapTests {
    let folder: TemporaryFolder
    let time = SimulatedTime()

    init() throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path("www"), withIntermediateDirectories: true)
    }

    @Test func `a dry run does not spend the key that a refused registration left behind`() async throws {
        // Registrations are refused at first; then the key is one that the authority does not know.
        let isRefusing = Mutex(true)
        var faults = FakeCA.Faults()
        faults.tamper = { path, answer in
            guard path == "/acct", answer.status == (isRefusing.withLock { $0 } ? 201 : 200) else { return }
            answer.status = 400
            let type = isRefusing.withLock { $0 } ? "invalidContact" : "accountDoesNotExist"
            answer.body = Array(#"{"type":"urn:ietf:params:acme:error:\#(type)","detail":"no"}"#.utf8)
        }
        let ca = try await FakeCA(time, faults)
        let events = EventList()
        let agent = ca.agent(folder.path("store"), tell: { events.add($0) })
        await #expect(throws: AgentError.self) { _ = try await agent.issue(ca.request(folder)) }
        isRefusing.withLock { $0 = false }
        var dry = ca.request(folder)
        dry.dryRun = true
        #expect(try await agent.issue(dry) == .dryRunPassed)
        let made = events.all.compactMap { event in
            if case .accountKeyMade(let thumbprint) = event { thumbprint } else { nil }
        }
        #expect(Set(made).count == 2, "the dry run closes its account, so that it needs a key of its own: \(made)")
    }

    @Test func `without a way of proof nothing is asked of the authority`() async throws {
        let ca = try await FakeCA(time)
        var request = ca.request(folder)
        request.method = nil
        do {
            _ = try await ca.agent(folder.path("store")).issue(request)
            Issue.record("issued")
        } catch {
            #expect(error.code == .needsPerson && error.message.contains("--webroot"))
        }
        #expect(ca.requests.isEmpty)
    }

    @Test func `an account that the authority has closed or lost is put aside, and the next issue makes another`() async throws {
        var faults = FakeCA.Faults()
        let gone = Mutex<String?>(nil)
        faults.tamper = { path, answer in
            guard path.hasPrefix("/account/") || path == "/order", let type = gone.withLock({ $0 }) else { return }
            answer = WireAnswer(
                status: 400,
                headers: [("Content-Type", "application/problem+json")] + answer.headers.filter { $0.name == "Replay-Nonce" },
                body: Array(#"{"type":"urn:ietf:params:acme:error:\#(type)","detail":"gone"}"#.utf8))
        }
        for type in ["accountDoesNotExist", "unauthorized"] {
            let ca = try await FakeCA(time, faults)
            let agent = ca.agent(folder.path("store-\(type)"))
            gone.withLock { $0 = nil }
            _ = try await agent.issue(ca.request(folder))
            gone.withLock { $0 = type }
            var again = ca.request(folder)
            again.force = true
            do {
                _ = try await agent.issue(again)
                Issue.record("issued")
            } catch { #expect(error.code == .needsPerson) }
            try await agent.deactivateAccount(ca.directory)
            gone.withLock { $0 = nil }
            guard case .installed = try await agent.issue(again) else { return #expect(Bool(false), "not installed") }
        }
    }

    @Test(arguments: ["/proc/chancery", "/proc/1/none/chancery"])
    func `a store that cannot be made is one sentence and no crash`(path: String) async throws {
        let ca = try await FakeCA(time)
        await #expect(throws: AgentError.self) { _ = try await ca.agent(path).issue(ca.request(folder)) }
    }

    @Test func `a store that cannot be read is not taken for an empty one`() async throws {
        let ca = try await FakeCA(time)
        try FileManager.default.createDirectory(atPath: folder.path("store"), withIntermediateDirectories: true)
        #expect(try ca.agent(folder.path("store")).list().isEmpty)
        try folder.write("store/live", "a file")
        #expect(throws: AgentError.self) { _ = try ca.agent(folder.path("store")).list() }
        #expect(try ca.agent(folder.path("none")).list().isEmpty)
    }

    @Test func `localhost and what is below it needs no look-up`() async {
        #expect(await CertificateAgent.withoutAddress(["localhost", "shop.localhost"]).isEmpty)
        #expect(await CertificateAgent.withoutAddress(["no-such-name.invalid"]).map(\.name) == ["no-such-name.invalid"])
    }
}
