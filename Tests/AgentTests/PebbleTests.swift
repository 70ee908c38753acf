import ACME
import ACMEClient
import Agent
import Foundation
import TestSupport
import Testing

extension Pebble {
    func request(_ names: [String], _ method: ChallengeMethod) -> IssueRequest {
        var request = IssueRequest(names: names)
        (request.ca, request.caRoot, request.method, request.preflight) = (directory, root, method, false)
        request.agreesToTerms = { _ in true }
        request.contacts = ["ops@example.com"]
        return request
    }

    func agent(tell: @escaping @Sendable (AgentEvent) -> Void = { _ in }) -> CertificateAgent {
        var configuration = ACMEClient.Configuration(product: "chancery-test/1")
        // Pebble asks for pauses of seconds that nothing here needs.
        configuration.sleep = { try await Task.sleep(for: min($0, .milliseconds(50))) }
        return CertificateAgent(store: StoreFolder(folder.path("store")), configuration: configuration, tell: tell)
    }
}

/// With a real ACME server that nobody here wrote, its faults on.
@Suite(.serialized, .enabled(if: Pebble.isInstalled, "Debian's pebble is not installed: apt-get install pebble"))
struct PebbleTests {
    @Test(arguments: ["0", "15", "50"], ["0", "50", "100"])
    func `C-6.5-2 issues, renews and revokes whatever share of nonces is refused`(refused: String, reused: String) async throws {
        let pebble = try await Pebble(["PEBBLE_WFE_NONCEREJECT": refused, "PEBBLE_AUTHZREUSE": reused], strict: refused == "15")
        let agent = pebble.agent()
        let issued = try await agent.issue(pebble.request(["a.example", "b.example"], .standalone(port: pebble.http01Port)))
        #expect(issued.code == .changed)
        let live = agent.store.live("a.example")
        let names = try await Program.succeed("openssl", ["x509", "-in", "\(live)/cert.pem", "-noout", "-ext", "subjectAltName"])
        #expect(names.contains("DNS:a.example") && names.contains("DNS:b.example"))
        let own = try await Program.succeed("openssl", ["pkey", "-in", "\(live)/privkey.pem", "-pubout"])
        #expect(try await Program.succeed("openssl", ["x509", "-in", "\(live)/cert.pem", "-noout", "-pubkey"]) == own)
        try await Program.succeed("openssl", ["verify", "-partial_chain", "-trusted", "\(live)/chain.pem", "\(live)/cert.pem"])
        var renewal = RenewRequest()
        (renewal.force, renewal.preflight) = (true, false)
        #expect(try await agent.renew(renewal).code == .changed)
        #expect(
            try await agent.revoke("a.example", by: reused == "0" ? .account : .certificateKey, reason: .superseded) == .changed)
        #expect(try await agent.revoke("a.example") == .nothingToDo)
    }

    @Test func `tls-alpn-01, the DNS with wildcards, and webroot-less names in one store, each key type`() async throws {
        let pebble = try await Pebble([:], strict: true)
        let agent = pebble.agent()
        var tls = pebble.request(["tls.example"], .tlsALPN(port: pebble.tlsALPN01Port))
        tls.keyType = .p384
        #expect(try await agent.issue(tls).code == .changed)
        var dns = pebble.request(["wild.example", "*.wild.example"], .dnsHook(try pebble.hook()))
        dns.keyType = .rsa2048
        #expect(try await agent.issue(dns).code == .changed)
        #expect(try agent.list().map(\.name) == ["tls.example", "wild.example"])
        var renewal = RenewRequest()
        (renewal.force, renewal.preflight) = (true, false)
        #expect(try await agent.renew(renewal).entries.map(\.code) == [.changed, .changed])
    }

    @Test func `the account is shown, updated, rolled over and deactivated`() async throws {
        let pebble = try await Pebble(["PEBBLE_WFE_NONCEREJECT": "15"], strict: true)
        let agent = pebble.agent()
        let request = pebble.request(["acc.example"], .standalone(port: pebble.http01Port))
        #expect(try await agent.issue(request).code == .changed)
        let first = try await agent.showAccount(pebble.directory)
        #expect(first.status == "valid" && first.contacts == ["mailto:ops@example.com"])
        #expect(
            try await agent.updateAccount(pebble.directory, contacts: ["new@example.com"]).contacts == ["mailto:new@example.com"])
        let rolled = try await agent.rollOverAccount(pebble.directory)
        #expect(rolled.url == first.url && rolled.thumbprint != first.thumbprint)
        var renewal = RenewRequest()
        (renewal.force, renewal.preflight) = (true, false)
        #expect(try await agent.renew(renewal).code == .changed)
        try await agent.deactivateAccount(pebble.directory)
        #expect(try await agent.renew(renewal).code == .needsPerson)
    }

    @Test func `a validation that fails says what the CA saw, and leaves nothing`() async throws {
        let pebble = try await Pebble([:])
        let agent = pebble.agent()
        // Nobody listens where the CA looks.
        let elsewhere = try freePort()
        do {
            _ = try await agent.issue(pebble.request(["down.example"], .standalone(port: elsewhere)))
            Issue.record("issued")
        } catch {
            #expect(error.code == .needsPerson, "\(error)")
            #expect(error.message.contains("down.example"), "\(error)")
        }
        #expect(try agent.list().isEmpty)
    }

    @Test func `C-7.3.4-2 an account binding opens a CA that wants one`() async throws {
        let key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
        let pebble = try await Pebble([:], binding: ("kid-1", key))
        let agent = pebble.agent()
        var request = pebble.request(["eab.example"], .standalone(port: pebble.http01Port))
        await #expect(throws: AgentError.self) { _ = try await agent.issue(request) }
        request.binding = try AccountBinding(keyIdentifier: "kid-1", key: key + "\n")
        #expect(try await agent.issue(request).code == .changed)
    }

    @Test func `a dry run leaves neither files nor an account`() async throws {
        let pebble = try await Pebble([:])
        let agent = pebble.agent()
        var request = pebble.request(["dry.example"], .standalone(port: pebble.http01Port))
        request.dryRun = true
        #expect(try await agent.issue(request) == .dryRunPassed)
        #expect(try FileManager.default.contentsOfDirectory(atPath: pebble.folder.path("store")) == ["lock"])
    }

    @Test func `a CA whose root is unknown is refused with a sentence that names --ca-root`() async throws {
        let pebble = try await Pebble([:])
        var request = pebble.request(["x.example"], .standalone(port: pebble.http01Port))
        request.caRoot = nil
        do {
            _ = try await pebble.agent().issue(request)
            Issue.record("trusted")
        } catch { #expect(error.code == .needsPerson && error.message.contains("--ca-root"), "\(error)") }
    }
}
