import ACME
import ACMEClient
import Foundation
import TestSupport
import Testing

@testable import Agent

/// CAA records of a real BIND, looked at before a CA is asked.
@Suite(.enabled(if: Bind.isInstalled, "BIND is not installed")) struct CAATests {
    let folder: TemporaryFolder
    let time = SimulatedTime()
    let events = EventList()
    let mood = FailoverTests.Mood()
    let (first, second, third): (FakeCA, FakeCA, FakeCA)
    let bind: Bind

    init() async throws {
        folder = try TemporaryFolder()
        try folder.write("hook", "#!/bin/sh\nexit 0\n", mode: 0o755)
        try folder.write(
            "zone",
            """
            $TTL 1
            @ IN SOA ns.shop.test. admin.shop.test. 1 60 60 60 1
            @ IN NS ns.shop.test.
            ns IN A 127.0.0.1
            @ CAA 0 issue "one.ca"
            www A 127.0.0.1
            both CAA 0 issue "one.ca"
            both CAA 0 issue "two.ca; accounturi=https://elsewhere.test/1"
            both CAA 0 issue "three.ca"
            wild CAA 0 issue "two.ca"
            wild CAA 0 issuewild "one.ca"
            alias CNAME wild

            """)
        bind = try await Bind(in: folder, "zone \"shop.test\" { type primary; file \"\(folder.path("zone"))\"; };")
        let (clock, mood) = (time, mood)
        func ca(_ base: String, _ identity: String) async throws -> FakeCA {
            var faults = FakeCA.Faults()
            faults.identities = [identity]
            if identity == "one.ca" { faults.refuseOrder = { _ in mood.answer } }
            return try await FakeCA(clock, faults, base: base)
        }
        (first, second, third) = (
            try await ca("https://one.test", "one.ca"), try await ca("https://two.test", "two.ca"),
            try await ca("https://three.test", "three.ca")
        )
    }

    private func agent(_ resolvers: [String]? = nil) -> CertificateAgent {
        FakeCA.agent(
            folder.path("store"), [first, second, third], resolvers: resolvers ?? [bind.address],
            tell: { [events] in events.add($0) })
    }

    private func request(_ ca: FakeCA, _ names: [String]) -> IssueRequest {
        var request = IssueRequest(names: names)
        (request.ca, request.method) = (ca.directory, .dnsHook(folder.path("hook")))
        request.agreesToTerms = { _ in true }
        return request
    }

    private func orders(_ ca: FakeCA) -> Int { ca.requests.count { $0.path == "/order" } }

    @Test func `what a CA would refuse is not ordered, and the record to add is told`()
        async throws
    {
        #expect(try await agent().issue(request(first, ["a.b.www.shop.test"])).code == .changed)
        let refused: [([String], String)] = [
            (["a.www.shop.test"], #"shop.test. CAA 0 issue "two.ca""#),
            (["both.shop.test"], #"both.shop.test. CAA 0 issue "two.ca; accounturi=https://two.test/account/1""#),
            (["wild.shop.test", "*.wild.shop.test"], #"wild.shop.test. CAA 0 issuewild "two.ca""#),
        ]
        for (names, record) in refused {
            do {
                _ = try await agent().issue(request(second, names))
                Issue.record("issued \(names)")
            } catch {
                #expect(error.code == .needsPerson && error.message.contains("Add: \(record)"), "\(error)")
                #expect(error.message.contains("--no-preflight"))
            }
        }
        #expect(orders(second) == 0)
        #expect(try await agent().issue(request(second, ["wild.shop.test"])).code == .changed)
        #expect(try await agent().issue(request(second, ["alias.shop.test"])).code == .changed, "CNAMEs are followed")
        var regardless = request(second, ["www.shop.test"])
        regardless.preflight = false
        #expect(try await agent().issue(regardless).code == .changed)
    }

    @Test func `a renewal passes over a CA that CAA records keep out`() async throws {
        for ca in [second, third] {
            var account = IssueRequest(names: [])
            account.ca = ca.directory
            account.agreesToTerms = { _ in true }
            _ = try await agent().registerAccount(account)
        }
        var wanted = request(first, ["both.shop.test"])
        wanted.fallbacks = [second.directory, third.directory]
        #expect(try await agent().issue(wanted).code == .changed)
        let warned = events.all.contains {
            if case .warning(let text) = $0 {
                text.hasPrefix("As a backup, https://two.test/dir would refuse both.shop.test")
            } else {
                false
            }
        }
        #expect(warned, "while there is time to add the record")
        time.advance(86_400 * 4.5)
        mood.answer = FailoverTests.Mood.down
        #expect(try await agent().renew(RenewRequest()).code == .changed)
        #expect(try agent().show("both.shop.test").summary.ca == third.directory)
        #expect(orders(second) == 0)
        let told = events.all.contains {
            if case .failedOver("both.shop.test", second.directory, third.directory, let reason) = $0 {
                reason.contains("Add: both.shop.test.")
            } else {
                false
            }
        }
        #expect(told)
        #expect(agent().store.health(second.directory).isWell(at: time.now), "it is not the CA's fault")
    }

    @Test func `a switch begins only when the new CA may issue all of them`() async throws {
        for name in ["www.shop.test", "wild.shop.test"] {
            var wanted = request(first, [name])
            wanted.preflight = false
            #expect(try await agent().issue(wanted).code == .changed)
        }
        var move = SwitchRequest(from: first.directory, to: second.directory)
        move.account.agreesToTerms = { _ in true }
        do {
            _ = try await agent().switchAuthority(move)
            Issue.record("moved")
        } catch {
            #expect(
                error.message.contains(#"Add: shop.test. CAA 0 issue "two.ca""#) && error.message.contains("--only"), "\(error)")
        }
        #expect(orders(second) == 0)
        let outline = try await agent().outlineSwitch(move)
        #expect(outline.certificates.filter { !$0.obstacles.isEmpty }.map(\.name) == ["www.shop.test"])
        move.only = ["wild*"]
        #expect(try await agent().switchAuthority(move).state == .finished)
    }

    @Test func `a DNS that does not answer is told, and stops nothing`() async throws {
        let server = NameServer { _ in .code(2) }
        #expect(try await agent([server.address]).issue(request(second, ["www.shop.test"])).code == .changed)
        #expect(
            events.all.contains {
                if case .warning(let text) = $0 { text.contains("CAA records of www.shop.test") } else { false }
            })
        let many = agent([server.address])
        let asked = server.questions.count
        for index in 0..<6 { #expect(try await many.issue(request(second, ["n\(index).shop.test"])).code == .changed) }
        let names = Set(server.questions.dropFirst(asked).map(\.name))
        #expect(names.count == 3, "not each of many names waits for it: \(names)")
        do {
            _ = try await agent(["nowhere"]).issue(request(second, ["w.shop.test"]))
            Issue.record("asked nobody")
        } catch { #expect(error.code == .needsPerson && error.message.contains("nowhere")) }
    }
}
