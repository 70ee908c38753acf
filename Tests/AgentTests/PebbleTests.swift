import ACME
import ACMEClient
import Agent
import Foundation
import TestSupport
import Testing

/// Debian's pebble with its own DNS, on free ports of loopback; ended when released.
final class Pebble: Sendable {
    let folder: TemporaryFolder
    let directory: String
    let root: String
    let http01Port: Int
    let tlsALPN01Port: Int
    private let dnsControl: Int
    private let server: RunningProgram
    private let names: RunningProgram

    static var isInstalled: Bool {
        ["/usr/bin/pebble", "/usr/bin/pebble-challtestsrv"].allSatisfy(FileManager.default.isExecutableFile(atPath:))
    }

    init(_ environment: [String: String], strict: Bool = false, binding: (id: String, key: String)? = nil) async throws {
        folder = try TemporaryFolder()
        let f = folder
        func openssl(_ arguments: String...) async throws { try await Program.succeed("openssl", arguments, folder: f.path) }
        try await openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=test root",
            "-keyout", "root.key", "-out", "root.pem")
        try await openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-keyout",
            "tls.key",
            "-out", "tls.csr")
        try f.write("ext", "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
        try await openssl(
            "x509", "-req", "-in", "tls.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "2",
            "-extfile",
            "ext", "-out", "tls.pem")
        let ports = try [freePort(), freePort(), freePort(), freePort(), freePort(), freePort()]
        (http01Port, tlsALPN01Port, dnsControl) = (ports[2], ports[3], ports[5])
        let keys = binding.map { #""\#($0.id)":"\#($0.key)""# } ?? ""
        let config = try f.write(
            "pebble.json",
            #"""
            {"pebble": {"listenAddress": "127.0.0.1:\#(ports[0])", "managementListenAddress": "127.0.0.1:\#(ports[1])",
             "certificate": "\#(f.path("tls.pem"))", "privateKey": "\#(f.path("tls.key"))", "httpPort": \#(ports[2]),
             "tlsPort": \#(ports[3]), "ocspResponderURL": "", "externalAccountBindingRequired": \#(binding != nil),
             "externalAccountMACKeys": {\#(keys)}}}
            """#)
        names = try RunningProgram(
            "pebble-challtestsrv",
            [
                "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", "127.0.0.1:\(ports[4])", "-http01", "", "-https01", "",
                "-tlsalpn01", "", "-management", "127.0.0.1:\(ports[5])",
            ],
            log: f.path("dns.log"))
        server = try RunningProgram(
            "pebble", ["-config", config, "-dnsserver", "127.0.0.1:\(ports[4])"] + (strict ? ["-strict"] : []),
            environment: ["PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"].merging(environment)
            { $1 },
            log: f.path("pebble.log"))
        directory = "https://127.0.0.1:\(ports[0])/dir"
        root = f.path("root.pem")
        try await server.printed("ACME directory available")
        try await eventually("the DNS") {
            try await Program.run("curl", ["-s", "-m", "2", "http://127.0.0.1:\(ports[5])/"]).status == 0
        }
    }

    var log: String { server.output }

    /// A DNS program that talks to the test DNS.
    func hook() throws -> String {
        let set = #"curl -sf -d "{\"host\":\"$2\",\"value\":\"$3\"}" http://127.0.0.1:\#(dnsControl)"#
        return try folder.write(
            "hook.sh", "#!/bin/sh\ncase $1 in present) \(set)/set-txt;; cleanup) \(set)/clear-txt;; esac >/dev/null\n",
            mode: 0o755)
    }

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
