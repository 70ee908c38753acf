import ACME
import ACMEClient
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// Certificates put to use as a transaction, by real servers.
@Suite(.serialized) struct DeploymentTests: DeploymentSuite {
    let folder: TemporaryFolder
    let time = SimulatedTime()
    let events = EventList()
    let ca: FakeCA

    init() async throws { (folder, ca) = try await Self.begin(time) }

    /// An nginx that serves what lies at `served`.
    private func nginx(_ port: Int, extra: String = "") throws -> (program: RunningProgram, config: String) {
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(folder.path($0));" }
        let config = try folder.write(
            "nginx.conf",
            """
            pid \(folder.path("nginx.pid")); error_log \(folder.path("nginx.log")); worker_processes 1; user root; daemon off;
            events {}
            http {
              access_log off; \(temporary.joined(separator: " ")) \(extra)
              server { listen 127.0.0.1:\(port) ssl; ssl_certificate \(served)/fullchain.pem; ssl_certificate_key \(served)/privkey.pem; }
            }
            """)
        return (try RunningProgram("nginx", ["-c", config], log: folder.path("nginx.out")), config)
    }

    @Test(.enabled(if: has("nginx"), "nginx is not installed"))
    func `nginx is checked, reloaded, and seen to serve the new certificate`() async throws {
        try await prepare()
        let port = try freePort()
        let (nginx, config) = try nginx(port)
        try await listening(port)
        let target = "nginx:config=\(config),verify=127.0.0.1:\(port)"
        #expect(try await agent().issue(request([target])).code == .changed, "a target for a certificate that is there")
        #expect(try await shown(port) == serial())
        let first = try serial()
        #expect(try await agent().renew(forced).code == .changed)
        #expect(try serial() != first)
        #expect(try await shown(port) == serial())
        let details = try agent().show("a.test")
        #expect(details.deployment?.state == .verified && details.summary.served)
        #expect(shellLine(details.command).contains("--install"))
        #expect(events.all.contains(.seen(name: "a.test", place: "a.test at 127.0.0.1:\(port)")))
        try await nginx.stop(SIGQUIT)
    }

    @Test(.enabled(if: has("nginx"), "nginx is not installed"))
    func `a configuration that the checker refuses puts the old pair back, and the debt is paid when it is mended`() async throws
    {
        try await prepare()
        let port = try freePort()
        let (nginx, config) = try nginx(port)
        try await listening(port)
        let target = "nginx:config=\(config),verify=127.0.0.1:\(port)"
        _ = try await agent().issue(request([target]))
        let (old, link) = (try serial(), Files.target(of: served))
        let good = try String(contentsOfFile: config, encoding: .utf8)
        try (good + "\nnonsense").write(toFile: config, atomically: false, encoding: .utf8)
        let report = try await agent().renew(forced)
        #expect(report.code == .notServed, "\(report)")
        #expect(Files.target(of: served) == link, "what is served is what was served")
        #expect(try await shown(port) == old)
        #expect(try agent().show("a.test").deployment?.state == .putBack)
        #expect(try agent().show("a.test").deployment?.reason?.contains("put back") == true)
        let orders = ca.requests.count { $0.path == "/order" }
        try good.write(toFile: config, atomically: false, encoding: .utf8)
        #expect(try await agent().renew(RenewRequest()).code == .changed)
        #expect(ca.requests.count { $0.path == "/order" } == orders, "the certificate that waited was used")
        #expect(try await shown(port) == serial())
        try await nginx.stop(SIGQUIT)
    }

    @Test(.enabled(if: has("nginx"), "nginx is not installed"))
    func `what reloads well but is not seen to be served is put back too`() async throws {
        try await prepare()
        let port = try freePort()
        let (nginx, config) = try nginx(port)
        try await listening(port)
        _ = try await agent().issue(request(["nginx:config=\(config),verify=127.0.0.1:\(port)"]))
        let (old, link) = (try serial(), Files.target(of: served))
        // A second place, where nobody listens.
        let dead = try freePort()
        var both = request(["nginx:config=\(config),verify=127.0.0.1:\(port),verify=127.0.0.1:\(dead)"])
        both.force = true
        let outcome = try await agent(.milliseconds(20)).issue(both)
        guard case .notServed(_, let reason) = outcome else { return #expect(Bool(false), "\(outcome)") }
        #expect(reason.contains(":\(dead)"), "\(reason)")
        #expect(Files.target(of: served) == link)
        try await eventually("the old pair", limit: 60) { try await shown(port) == old }
        try await nginx.stop(SIGQUIT)
    }

    @Test(.enabled(if: has("apache2"), "apache2 is not installed"))
    func `Apache serves it after a graceful reload`() async throws {
        try await prepare()
        let port = try freePort()
        let modules = "/usr/lib/apache2/modules"
        let config = try folder.write(
            "apache.conf",
            """
            ServerRoot \(folder.path)
            DefaultRuntimeDir \(folder.path)
            \(getuid() == 0 ? "User www-data\nGroup www-data" : "")
            ServerName a.test
            PidFile \(folder.path("apache.pid"))
            ErrorLog \(folder.path("apache.log"))
            LoadModule mpm_event_module \(modules)/mod_mpm_event.so
            LoadModule authz_core_module \(modules)/mod_authz_core.so
            LoadModule ssl_module \(modules)/mod_ssl.so
            Listen 127.0.0.1:\(port)
            SSLEngine on
            SSLCertificateFile \(served)/fullchain.pem
            SSLCertificateKeyFile \(served)/privkey.pem
            """)
        let apache = try RunningProgram("apache2", ["-f", config, "-DFOREGROUND"], log: folder.path("apache.out"))
        try await listening(port)
        let target = "apache:config=\(config),verify=127.0.0.1:\(port)"
        #expect(try await agent().issue(request([target])).code == .changed)
        #expect(try await agent().renew(forced).code == .changed, "\(apache.output)")
        #expect(try await shown(port) == serial())
        try await apache.stop()
    }

    @Test(.enabled(if: has("haproxy"), "haproxy is not installed"))
    func `HAProxy takes key and chain in one file`() async throws {
        try await prepare()
        let port = try freePort()
        let config = try folder.write(
            "haproxy.cfg",
            """
            global
              master-worker
            defaults
              mode http
              timeout client 5s
              timeout server 5s
              timeout connect 5s
            frontend f
              bind 127.0.0.1:\(port) ssl crt \(served)/combined.pem
              http-request return status 204

            """)
        let haproxy = try RunningProgram(
            "haproxy", ["-W", "-f", config, "-p", folder.path("haproxy.pid")], log: folder.path("haproxy.out"))
        try await listening(port)
        let pid = try folder.write(
            "master.pid", try await Program.succeed("pgrep", ["-o", "-f", config]))
        let target = "haproxy:config=\(config),pid=\(pid),verify=127.0.0.1:\(port)"
        #expect(try await agent().issue(request([target])).code == .changed, "\(haproxy.output)")
        #expect(try await agent().renew(forced).code == .changed, "\(haproxy.output)")
        #expect(try await shown(port) == serial())
        try await haproxy.stop()
    }

    @Test(.enabled(if: getuid() == 0 && has("runuser") && !postgres.isEmpty, "PostgreSQL is not installed, or this is not root"))
    func `PostgreSQL gets copies of its own, closed to others, and is seen over its SSLRequest`() async throws {
        try await prepare()
        let port = try freePort()
        let bin = Self.postgres
        // The database user must come to its folder.
        try await Program.succeed("chmod", ["755", folder.path])
        let data = folder.path("pg")
        try await Program.succeed("install", ["-d", "-o", "postgres", "-m", "700", data])
        try await Program.succeed("runuser", ["-u", "postgres", "--", "\(bin)/initdb", "-D", data, "-A", "trust", "-N"])
        // Without a certificate it cannot start with TLS: a first one, which belongs to postgres.
        let target = "postgresql:data=\(data),control=\(bin)/pg_ctl,verify=127.0.0.1:\(port)"
        for (from, to, mode) in [("fullchain", "crt", "644"), ("privkey", "key", "600")] {
            try await Program.succeed(
                "install", ["-o", "postgres", "-m", mode, "\(served)/\(from).pem", "\(data)/server.\(to)"])
        }
        let server = try RunningProgram(
            "runuser",
            [
                "-u", "postgres", "--", "\(bin)/postgres", "-D", data, "-p", "\(port)", "-c", "ssl=on", "-c",
                "listen_addresses=127.0.0.1", "-k", data,
            ],
            log: folder.path("pg.out"))
        try await listening(port)
        #expect(try await agent().issue(request([target])).code == .changed, "\(server.output)")
        #expect(try await agent().renew(forced).code == .changed, "\(server.output)")
        #expect(try await shown(port, ["-starttls", "postgres"]) == serial())
        let mode = try await Program.succeed("stat", ["-c", "%a %U", "\(data)/server.key"])
        #expect(mode == "600 postgres\n")
        try await server.stop()
    }

    private static let postgres: String = {
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        return versions.sorted().last.map { "/usr/lib/postgresql/\($0)/bin" } ?? ""
    }()

    @Test func `plain files keep owner and mode, are never more open than before, and come back when a program refuses`()
        async throws
    {
        let (key, chain) = (folder.path("copies/key.pem"), folder.path("copies/chain.pem"))
        try FileManager.default.createDirectory(atPath: folder.path("copies"), withIntermediateDirectories: true)
        try folder.write("copies/key.pem", "old key", mode: 0o640)
        if getuid() == 0 { try await Program.succeed("chown", ["1:2", key]) }
        let flag = folder.path("fail")
        let reload = try folder.write("reload.sh", "#!/bin/sh\ntest ! -e \(flag)\n", mode: 0o755)
        let target = "files:key=\(key),fullchain=\(chain),reload=\(reload)"
        #expect(try await agent().issue(request([target])).code == .changed)
        let store = folder.path("store/live/a.test")
        func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
        #expect(try text(key) == text("\(store)/privkey.pem") && text(chain) == text("\(store)/fullchain.pem"))
        let facts = try await Program.succeed("stat", ["-c", "%a %u:%g", key])
        #expect(facts.hasPrefix("640 ") && (getuid() != 0 || facts == "640 1:2\n"))
        #expect(try await Program.succeed("stat", ["-c", "%a", chain]) == "644\n")
        let before = (try text(key), try text(chain))
        try folder.write("fail", "")
        #expect(try await agent().renew(forced).code == .notServed)
        #expect(try (text(key), text(chain)) == before)
        #expect(try await Program.succeed("stat", ["-c", "%a %u:%g", key]) == facts)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path("copies")).count == 2, "nothing is left beside them")
        try FileManager.default.removeItem(atPath: flag)
        #expect(try await agent().renew(RenewRequest()).code == .changed)
        #expect(try text(key) == text("\(store)/privkey.pem"))
    }

    @Test func `a deployment that was broken off is taken up, and goes back to what was there before it`() async throws {
        let (key, chain) = (folder.path("copies/key.pem"), folder.path("copies/chain.pem"))
        try FileManager.default.createDirectory(atPath: folder.path("copies"), withIntermediateDirectories: true)
        let flag = folder.path("fail")
        let reload = try folder.write("reload.sh", "#!/bin/sh\ntest ! -e \(flag)\n", mode: 0o755)
        #expect(
            try await agent().issue(request(["files:key=\(key),fullchain=\(chain),reload=\(reload)"])).code == .changed)
        func texts() throws -> [String] { try [key, chain].map { try String(contentsOfFile: $0, encoding: .utf8) } }
        let (good, link) = (try texts(), Files.target(of: served))
        #expect(try agent().show("a.test").deployment?.state == .unverified)
        // Killed after the link and the key were placed: the record is open, the old files are kept, the rest is as it was.
        try FileManager.default.linkItem(atPath: key, toPath: folder.path("copies/.key.pem.chancery-old"))
        try FileManager.default.linkItem(atPath: chain, toPath: folder.path("copies/.chain.pem.chancery-old"))
        try folder.write("new", "half")
        try FileManager.default.removeItem(atPath: key)
        try FileManager.default.moveItem(atPath: folder.path("new"), toPath: key)
        try folder.write("copies/.chain.pem.chancery-new", "never placed")
        try StoreFolder(folder.path("store")).save(
            Deployment(serial: "00", state: .staged, at: time.now, reason: nil, before: link), of: "a.test")
        try folder.write("fail", "")
        #expect(try await agent().renew(forced).code == .notServed)
        #expect(try texts() == good, "not the half that was found")
        #expect(Files.target(of: served) == link)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("copies")).count == 2)
        try FileManager.default.removeItem(atPath: flag)
        #expect(try await agent().renew(RenewRequest()).code == .changed)
        #expect(try texts() != good && Files.target(of: served) != link)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("copies")).count == 2)
    }

    @Test func `what cannot be put back is kept, named, and put back when it can be`() async throws {
        try FileManager.default.createDirectory(atPath: folder.path("copies"), withIntermediateDirectories: true)
        let key = folder.path("copies/key.pem")
        // Refuses, and takes away the file's place, so that nothing can be renamed to it.
        let flag = folder.path("fail")
        let reload = try folder.write(
            "reload.sh", "#!/bin/sh\ntest -e \(flag) || exit 0\nrm -f \(key); mkdir -p \(key)/x; exit 1\n", mode: 0o755)
        #expect(try await agent().issue(request(["files:key=\(key),reload=\(reload)"])).code == .changed)
        let good = try String(contentsOfFile: key, encoding: .utf8)
        try folder.write("fail", "")
        #expect(try await agent().renew(forced).code == .notServed)
        let stuck = try #require(try agent().show("a.test").deployment)
        let kept = folder.path("copies/.key.pem.chancery-old")
        #expect(stuck.state == .stuck && stuck.reason?.contains(kept) == true, "\(stuck)")
        #expect(try String(contentsOfFile: kept, encoding: .utf8) == good)
        try FileManager.default.removeItem(atPath: key)
        try FileManager.default.removeItem(atPath: flag)
        #expect(try await agent().renew(RenewRequest()).code == .changed)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("copies")) == ["key.pem"])
    }

    @Test(arguments: [
        (["a.test", "*.a.test"], ["a.test"]), (["*.a.test"], ["chancery-check.a.test"]),
        (["a.test", "b.test"], ["a.test", "b.test"]),
    ])
    func `a wildcard is asked for by one of its names, where there is nothing else to ask for`(names: [String], asked: [String])
        async throws
    {
        let target = try InstallTarget("files:key=/x,verify=127.0.0.1:443")
        #expect(await target.endpoints(names).map(\.name) == asked)
    }

    @Test(.enabled(if: has("nginx"), "nginx is not installed"))
    func `a server that nobody could look at is not called verified`() async throws {
        try await prepare()
        let port = try freePort()
        let (nginx, config) = try nginx(port)
        try await listening(port)
        // No address belongs to a name under test.
        #expect(try await agent().issue(request(["nginx:config=\(config)"])).code == .changed)
        #expect(try agent().show("a.test").deployment?.state == .unverified)
        #expect(events.all.contains { if case .warning(let text) = $0 { text.contains("verify=") } else { false } })
        try await nginx.stop(SIGQUIT)
    }

    @Test func `a copy over a link or a folder is refused before anything is changed`() async throws {
        try await prepare()
        let link = folder.path("link")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "/etc/passwd")
        let before = Files.target(of: served)
        for path in [link, folder.path] {
            var again = request(["files:key=\(path)"])
            again.force = true
            #expect(try await agent().issue(again).code == .notServed)
            #expect(Files.target(of: served) == before)
        }
        // Nor is anything left of a file that could have been replaced.
        try FileManager.default.createDirectory(atPath: folder.path("copies"), withIntermediateDirectories: true)
        try folder.write("copies/key.pem", "old key")
        var both = request(["files:key=\(folder.path("copies/key.pem")),cert=\(link)"])
        both.force = true
        #expect(try await agent().issue(both).code == .notServed)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("copies")) == ["key.pem"])
        #expect(try String(contentsOfFile: "/etc/passwd", encoding: .utf8).hasPrefix("root:"))
    }

    @Test func `a program that checks may refuse, and then the one that puts to use is not run`() async throws {
        let log = folder.path("log")
        let run = try folder.write("run.sh", "#!/bin/sh\necho run >> \(log)\n", mode: 0o755)
        let check = try folder.write("check.sh", "#!/bin/sh\necho check >> \(log)\nexit 1\n", mode: 0o755)
        #expect(try await agent().issue(request(["exec:run=\(run),check=\(check)"])).code == .notServed)
        #expect(try String(contentsOfFile: log, encoding: .utf8) == "check\n")
    }

    @Test(arguments: [
        "", "ngnix", "nginx:colour=red", "nginx:config", "nginx:config=relative.conf", "nginx:verify=example.com:443",
        "nginx:verify=127.0.0.1:0", "nginx:verify=127.0.0.1", "files", "files:owner=root", "postgresql", "exec", "exec:run=x",
    ])
    func `what cannot be installed to is refused before the CA is asked, with what would be right`(target: String) async throws {
        do {
            var wrong = request()
            wrong.targets = [target]
            _ = try await agent().issue(wrong)
            Issue.record("taken")
        } catch { #expect(error.code == .needsPerson && error.message.count > 20) }
        #expect(ca.requests.isEmpty)
    }

    @Test(
        arguments: [
            (Greeting.smtp, 0, "220 mail ESMTP\r\n", true), (.smtp, 1, "250-mail\r\n250-SIZE\r\n", nil),
            (.smtp, 1, "250-mail\r\n250 STARTTLS\r\n", true), (.smtp, 0, "220 ma", nil), (.smtp, 0, "554 no\r\n", false),
            (.smtp, 2, "454 TLS not available\r\n", false), (.imap, 0, "* OK [CAPABILITY] ready\r\n", true),
            (.imap, 1, "* CAPABILITY X\r\n", nil), (.imap, 1, "* X\r\na1 OK begin\r\n", true), (.imap, 1, "a1 NO\r\n", false),
            (.pop3, 0, "+OK\r\n", true), (.pop3, 1, "-ERR\r\n", false), (.postgresql, 0, "S", true), (.postgresql, 0, "N", false),
            (.postgresql, 0, "", nil), (.xmpp, 0, "<stream:stream><stream:feat", nil),
            (.xmpp, 0, "<stream:stream><stream:features><starttls/></stream:features>", true),
            (.xmpp, 0, "<stream:stream><stream:error>", false), (.xmpp, 1, "<proceed xmlns=''/>", true),
            (.xmpp, 1, "<failure/>", false),
            (.mysql, 0, "\u{2}\0\0\0\u{A}", nil), (.mysql, 0, "\u{2}\0\0\0\u{A}8", true),
            (.mysql, 0, "\u{2}\0\0\0\u{7F}x", false),
        ] as [(Greeting, Int, String, Bool?)])
    func `what is said before TLS is understood`(greeting: Greeting, step: Int, received: String, verdict: Bool?) {
        #expect(Greeting.verdict(on: Array(received.utf8), for: greeting.steps(for: "a.test")[step]) == verdict)
    }
}
