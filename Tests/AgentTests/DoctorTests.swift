import ACME
import ACMEClient
import DNS
import Foundation
import NIOCore
import TestSupport
import Testing

@testable import Agent

/// What the doctor sees, each in a world where one thing is wrong.
@Suite(.serialized) struct DoctorTests {
    let folder: TemporaryFolder
    let time = SimulatedTime()

    init() throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path("www"), withIntermediateDirectories: true)
    }

    static func has(_ programs: String...) -> Bool {
        programs.allSatisfy { FileManager.default.isExecutableFile(atPath: Program.find($0)) }
    }

    private func request(_ names: [String], method: ChallengeMethod? = nil) -> DoctorRequest {
        var request = DoctorRequest()
        (request.names, request.method, request.hints) = (names, method, HostHints { _ in nil })
        return request
    }

    /// A resolver for names that all lead to loopback, in a zone whose one server answers.
    private static func everywhere() -> NameServer {
        NameServer { question in
            question.type == 2 && question.name == "test"
                ? .records([.ns("ns.test")]) : question.type == 1 ? .records([.a([127, 0, 0, 1])]) : .records([])
        }
    }

    private func port(_ server: NameServer) -> Int { Int(server.address.split(separator: ":").last ?? "") ?? 0 }

    // MARK: All is well

    @Test func `where nothing is wrong nothing is found, nothing is written, and the CA hears only of its directory`()
        async throws
    {
        let ca = try await FakeCA(time)
        let agent = ca.agent(folder.path("store"))
        _ = try await agent.issue(ca.request(folder))
        let names = Self.everywhere()
        let web = try await RawServer(saying: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        var wanted = request([])
        (wanted.resolvers, wanted.dnsPort, wanted.ports.http) = ([names.address], port(names), web.port)
        let before = ca.requests.count
        let files = try snapshot()
        let report = try await agent.examine(wanted)
        #expect(report.findings.isEmpty, "\(report.findings)")
        #expect(report.code == .changed && report.certificates == 1 && report.authorities == 1 && report.names == 0)
        #expect(try snapshot() == files)
        #expect(ca.requests.dropFirst(before).allSatisfy { $0.method == "GET" && $0.path == "/dir" })
    }

    private func snapshot() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted().map { path in
            let facts = try FileManager.default.attributesOfItem(atPath: folder.path(path))
            return "\(path) \(facts[.size] ?? "") \(facts[.modificationDate] ?? "") \(facts[.posixPermissions] ?? "")"
        }
    }

    // MARK: The store

    @Test func `open keys, a key of another certificate, missing programs and an end that is near are seen`() async throws {
        let ca = try await FakeCA(time)
        let agent = ca.agent(folder.path("store"))
        _ = try await agent.issue(ca.request(folder))
        _ = try await agent.issue(ca.request(folder, ["b.test"]))
        func found() throws -> [Finding] {
            var store = StoreExamination(agent.store, now: time.now)
            store.run(agent.store.lineages().compactMap { try? $0.lineage.get() })
            return store.findings
        }
        #expect(try found().isEmpty)
        let live = agent.store.live("a.test")
        func mode(_ mode: Int, _ path: String) throws {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        }
        try mode(0o644, "\(live)/privkey.pem")
        #expect(try found().map(\.severity) == [.trouble])
        #expect(try found().first?.change?.hasPrefix("chmod 600 ") == true)
        try mode(0o640, "\(live)/privkey.pem")
        #expect(try found().map(\.severity) == [.warning])
        try mode(0o600, "\(live)/privkey.pem")
        try mode(0o755, folder.path("store"))
        #expect(try found().map(\.change) == ["chmod 700 \(folder.path("store"))"])
        try mode(0o700, folder.path("store"))
        let other = try String(contentsOfFile: "\(agent.store.live("b.test"))/privkey.pem", encoding: .utf8)
        try folder.write("store/live/a.test/privkey.pem", other, mode: 0o600)
        #expect(try found().contains { $0.severity == .trouble && $0.text.contains("no pair") })
        try folder.write("store/live/a.test/privkey.pem", "garbage", mode: 0o600)
        #expect(try found().contains { $0.severity == .trouble && $0.text.contains("cannot be used") })
        var lineage = try #require(try agent.store.lineage("b.test"))
        (lineage.deployHook, lineage.targets) = ("/nowhere/hook", ["nothing:at=all"])
        try agent.store.update(lineage)
        #expect(try found().contains { $0.place == "/nowhere/hook" })
        #expect(try found().contains { $0.text.contains("nothing is nothing that chancery installs to") })
        time.advance(86_400 * 5.9)
        #expect(try found().contains { $0.place == "b.test" && $0.text.contains("expires at") })
        time.advance(86_400)
        #expect(try found().contains { $0.place == "b.test" && $0.text.contains("it expired at") })
    }

    @Test func `a store that another chancery works on, and one that is not there, are no trouble`() async throws {
        let empty = StoreFolder(folder.path("none"))
        var examination = StoreExamination(empty, now: time.now)
        examination.run([])
        #expect(examination.findings.isEmpty && !FileManager.default.fileExists(atPath: empty.path))
        let store = StoreFolder(folder.path("store"))
        let lock = try StoreLock.take(store)
        var busy = StoreExamination(store, now: time.now)
        busy.run([])
        #expect(busy.findings.map(\.severity) == [.note])
        withExtendedLifetime(lock) {}
    }

    // MARK: Authorities

    @Test(
        arguments: [(0.0, nil), (20, nil), (60, .warning), (-60, .warning), (4_000, .trouble), (-4_000, .trouble)]
            as [(Double, Finding.Severity?)])
    func `the clock is compared with the CA's`(ahead: Double, severity: Finding.Severity?) async throws {
        var faults = FakeCA.Faults()
        let clock = time
        faults.tamper = { path, answer in
            let formatter = DateFormatter()
            (formatter.locale, formatter.timeZone) = (Locale(identifier: "en_US_POSIX"), TimeZone(secondsFromGMT: 0))
            formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
            answer.headers.append(("Date", formatter.string(from: clock.now + ahead)))
        }
        let ca = try await FakeCA(time, faults)
        let agent = ca.agent(folder.path("store"))
        let found = await agent.examine(authority: ca.directory, SettingsRecord(), isWanted: true).findings.filter {
            $0.check == .clock
        }
        #expect(found.map(\.severity) == (severity.map { [$0] } ?? []))
        #expect(found.allSatisfy { $0.text.contains(ahead > 0 ? "behind" : "ahead") })
    }

    @Test func `CAs that do not answer, are closed, know no account, are unwell or at their limit are told`() async throws {
        var faults = FakeCA.Faults()
        faults.directoryName = "directory"
        faults.bindingRequired = true
        let ca = try await FakeCA(time, faults, base: LedgerTests.letsEncrypt)
        let agent = ca.agent(folder.path("store"))
        func found(_ directory: String, isWanted: Bool = false) async -> [Finding] {
            await agent.examine(authority: directory, SettingsRecord(), isWanted: isWanted).findings
        }
        #expect(await found("https://nowhere.test/dir", isWanted: true).first?.severity == .trouble)
        #expect(await found("https://nowhere.test/dir").first?.severity == .warning)
        #expect(await found("https://api.buypass.com/acme/directory").map(\.check) == [.authority])
        let noAccount = await found(ca.directory)
        #expect(noAccount.map(\.severity) == [.warning] && noAccount.first?.change?.contains("--eab-kid") == true)
        try agent.store.save(
            AccountRecord(ca: ca.directory, url: "https://x.test/1", contacts: [], termsAgreed: nil, deactivated: nil))
        #expect(await found(ca.directory).isEmpty)
        var health = Health()
        health.failed(at: time.now, "it was down", until: nil, chance: 0)
        try agent.store.save(health, of: ca.directory)
        #expect(await found(ca.directory).map(\.text).first?.contains("it was down") == true)
        time.advance(86_400)
        var page = LedgerPage()
        for _ in 0..<300 { page.add(Counted(at: time.now, kind: .orders)) }
        page.hold = LedgerPage.Hold(noted: time.now, until: time.now + 600, reason: "enough")
        try agent.store.save(page, ca.directory, nil)
        #expect(await found(ca.directory).map(\.check) == [.limits, .limits])
    }

    // MARK: The DNS

    private static var hasIPv6: Bool {
        (try? String(contentsOfFile: "/proc/net/if_inet6", encoding: .utf8))?.contains("00000000000000000000000000000001") == true
    }

    @Test(.enabled(if: has("named", "dnssec-signzone") && hasIPv6, "BIND is not installed, or ::1 is not there"))
    func `each server of a zone is asked, by a real BIND`() async throws {
        let names = try await DoctorNames()
        let examination = try await NameExamination(
            servers: [names.address], anchors: [names.anchor], port: names.port)
        let same = await examination.run("same.doctor.test", needsAddress: true)
        #expect(same.findings.isEmpty && same.addresses.map(\.description) == ["127.0.0.1"], "\(same.findings)")
        #expect(await examination.run("alias.doctor.test", needsAddress: true).findings.isEmpty)

        let differs = await examination.run("differs.doctor.test", needsAddress: true).findings
        #expect(differs.map(\.severity) == [.warning] && differs[0].text.contains("disagree"))
        #expect(differs[0].text.contains("127.0.0.9") && differs[0].text.contains("ns2.doctor.test (::1)"))
        let late = await examination.run("late.doctor.test", needsAddress: true).findings
        #expect(late.map(\.text).contains { $0.contains("nothing") && $0.contains("disagree") })

        let missing = await examination.run("missing.doctor.test", needsAddress: true).findings
        #expect(missing.map(\.severity) == [.trouble] && missing[0].text.contains("NXDOMAIN"))
        #expect(await examination.run("missing.doctor.test", needsAddress: false).findings.isEmpty)
        let left = await examination.run("same.doctor.test", needsAddress: false).findings
        #expect(left.map(\.check) == [.proof] && left[0].text.contains("2 TXT records"), "\(left)")

        let lame = await examination.run("same.lame.test", needsAddress: true).findings
        #expect(lame.count == 2 && lame.allSatisfy { $0.severity == .warning && $0.check == .dns }, "\(lame)")
        #expect(Set(lame.map { String($0.place.prefix(3)) }) == ["ns2", "ns3"], "one refuses, one is dead")

        let bogus = await examination.run("a.bad.test", needsAddress: true).findings
        #expect(bogus.map(\.check) == [.dnssec] && bogus[0].severity == .trouble, "\(bogus)")
        #expect(await examination.run("ns.bad.test", needsAddress: true).findings.isEmpty, "what was signed holds")
    }

    @Test func `a resolver that fails, or is silent, is told within its time`() async throws {
        let failing = NameServer { _ in .code(2) }
        let examination = try await NameExamination(servers: [failing.address], anchors: Resolver.rootAnchors, port: 53)
        let found = await examination.run("a.test", needsAddress: false).findings
        #expect(found.first?.severity == .trouble && found.first?.text.contains("SERVFAIL") == true)
        let silent = NameServer { _ in .silence }
        let began = ContinuousClock.now
        let other = try await NameExamination(servers: [silent.address], anchors: Resolver.rootAnchors, port: 53)
        #expect(await other.run("a.test", needsAddress: true).findings.first?.severity == .trouble)
        #expect(ContinuousClock.now - began < .seconds(60))
    }

    @Test func `CAA records that keep a CA of the pool out are told with the record to add`() async throws {
        let names = NameServer { question in
            switch question.type {
            case 257 where question.name == "new.test":
                .records([NameServer.Record(type: 257, data: [0, 5] + Array("issue".utf8) + Array("other.example".utf8))])
            case 1: .records([.a([127, 0, 0, 1])])
            default: .records([])
            }
        }
        var faults = FakeCA.Faults()
        faults.identities = ["ours.example"]
        let (ca, backup) = (try await FakeCA(time, faults), try await FakeCA(time, faults, base: "https://two.test"))
        let agent = FakeCA.agent(folder.path("store"), [ca, backup], resolvers: [names.address])
        _ = try await agent.orderAuthorities([backup.directory])
        var wanted = request(["new.test"], method: .dnsHook("/bin/true"))
        (wanted.ca, wanted.resolvers, wanted.dnsPort) = (ca.directory, [names.address], port(names))
        let found = try await agent.examine(wanted).findings.filter { $0.check == .caa }
        #expect(found.map(\.severity) == [.trouble, .warning])
        #expect(found.allSatisfy { $0.text.contains(#"new.test. CAA 0 issue "ours.example""#) })
        faults.identities = ["other.example"]
        let named = try await FakeCA(time, faults, base: "https://three.test")
        wanted.ca = named.directory
        let other = FakeCA.agent(folder.path("other"), [named], resolvers: [names.address])
        #expect(try await other.examine(wanted).findings.allSatisfy { $0.check != .caa })
    }

    // MARK: What is served

    @Test(.enabled(if: has("nginx"), "nginx is not installed"))
    func `an older certificate, and one of somebody else, that a real nginx shows are told apart`() async throws {
        let ca = try await FakeCA(time)
        let agent = ca.agent(folder.path("store"))
        _ = try await agent.issue(ca.request(folder))
        _ = try await agent.issue(ca.request(folder, ["b.test"]))
        let live = agent.store.live("a.test")
        for file in ["fullchain.pem", "privkey.pem"] {
            try FileManager.default.copyItem(atPath: "\(live)/\(file)", toPath: folder.path("old-\(file)"))
        }
        let (current, other, strange) = (try freePort(), try freePort(), try freePort())
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(folder.path($0));" }
        func host(_ port: Int, _ chain: String, _ key: String) -> String {
            "server { listen 127.0.0.1:\(port) ssl; ssl_certificate \(chain); ssl_certificate_key \(key); }"
        }
        var forced = RenewRequest()
        (forced.preflight, forced.force, forced.name) = (false, true, "a.test")
        _ = try await agent.renew(forced)
        let stranger = agent.store.live("b.test")
        let config = try folder.write(
            "nginx.conf",
            """
            pid \(folder.path("nginx.pid")); error_log \(folder.path("nginx.log")); worker_processes 1; daemon off; user root;
            events {}
            http {
              access_log off; \(temporary.joined(separator: " "))
              \(host(current, "\(live)/fullchain.pem", "\(live)/privkey.pem"))
              \(host(other, folder.path("old-fullchain.pem"), folder.path("old-privkey.pem")))
              \(host(strange, "\(stranger)/fullchain.pem", "\(stranger)/privkey.pem"))
            }
            """)
        let nginx = try RunningProgram("nginx", ["-c", config], log: folder.path("nginx.out"))
        try await eventually("nginx", limit: 60) {
            try await Program.run("bash", ["-c", "exec 3<>/dev/tcp/127.0.0.1/\(strange)"]).status == 0
        }
        func found(_ port: Int) async throws -> [Finding] {
            var lineage = try #require(try agent.store.lineage("a.test"))
            lineage.targets = ["exec:run=/bin/true,verify=127.0.0.1:\(port)"]
            return await agent.examineServed(lineage)
        }
        #expect(try await found(current).isEmpty)
        #expect(try await found(other).first?.text.contains("an older certificate is shown") == true)
        #expect(try await found(strange).first?.text.contains("not of this store") == true)
        try await nginx.stop(SIGQUIT)
        let gone = try await found(current)
        #expect(gone.map(\.severity) == [.trouble] && gone[0].text.contains("cannot be reached"))
        var lineage = try #require(try agent.store.lineage("a.test"))
        lineage.served = false
        #expect(await agent.examineServed(lineage).map(\.check) == [.deployment])
    }

    // MARK: Names without a certificate, and this host

    @Test func `a certificate is found by each of its names`() async throws {
        let ca = try await FakeCA(time)
        let agent = ca.agent(folder.path("store"))
        _ = try await agent.issue(ca.request(folder, ["a.test", "www.a.test"]))
        let names = Self.everywhere()
        var wanted = request(["www.a.test", "a.test"])
        (wanted.resolvers, wanted.dnsPort, wanted.ports.http) = ([names.address], port(names), try freePort())
        let report = try await agent.examine(wanted)
        #expect(report.certificates == 1 && report.names == 0 && report.findings.count { $0.check == .port } == 2)
    }

    @Test func `a name without a certificate is looked at for its CA and its way of proof`() async throws {
        let ca = try await FakeCA(time)
        let agent = ca.agent(folder.path("store"))
        let names = Self.everywhere()
        var wanted = request(["*.new.test", "new.test"], method: .webroot(folder.path("missing")))
        (wanted.ca, wanted.resolvers, wanted.dnsPort) = (ca.directory, [names.address], port(names))
        wanted.ports.http = try freePort()
        let report = try await agent.examine(wanted)
        #expect(report.names == 2 && report.certificates == 0 && report.code == .needsPerson)
        #expect(report.findings.first { $0.place == "*.new.test" }?.change?.contains("--dns-hook") == true)
        #expect(report.findings.contains { $0.place == folder.path("missing") && $0.check == .proof })
        #expect(report.findings.contains { $0.check == .port })
        #expect(report.findings.contains { $0.check == .authority && $0.severity == .note && $0.text.contains("no account") })
        let order = report.findings.compactMap { Finding.Severity.allCases.firstIndex(of: $0.severity) }
        #expect(order == order.sorted() && Set(report.findings).count == report.findings.count)
        await #expect(throws: AgentError.self) { _ = try await agent.examine(self.request(["not a name"])) }
    }

    @Test func `files of proc and sys say what listens, what filters, and what is allowed`() {
        let table =
            "  sl  local_address rem_address   st tx_queue\n   0: 00000000:0050 00000000:0000 0A 0\n   1: 0100007F:1F90 0100007F:0051 01 0\n"
        let files = [
            "/proc/net/tcp": table, "/proc/net/ip_tables_names": "nat\nfilter\n",
            "/proc/modules": "nf_tables 1 12 nft_ct, Live 0x0\nx 1 0 - Live\n",
            "/sys/fs/selinux/enforce": "1", "/proc/sys/net/ipv4/ip_unprivileged_port_start": "1024\n",
            "/proc/self/status": "Name:\tx\nCapEff:\t0000000000000400\n",
            "/proc/net/if_inet6":
                "fe800000000000000000000000000001 02 40 20 80 eth0\n26064700000000000000000000000001 02 40 00 80 eth0\n",
        ]
        let hints = HostHints { files[$0] }
        #expect(hints.listens(80) == true && hints.listens(8080) == false && hints.listens(81) == false)
        #expect(hints.filters.count == 3 && hints.hasIPv6)
        #expect(hints.mayListen(80, isRoot: false) && hints.mayListen(80, isRoot: true))
        let bare = HostHints { _ in nil }
        #expect(bare.listens(80) == nil && bare.filters.isEmpty && !bare.hasIPv6)
        #expect(!bare.mayListen(80, isRoot: false) && bare.mayListen(8080, isRoot: false))
        let garbage = HostHints { _ in "\u{0}:::: \n 0: x 0A\n" }
        #expect(garbage.listens(80) == false && garbage.filters.isEmpty)
        #expect(HostHints.real.read("/proc/self/status")?.contains("Name:") == true)
    }
}
