import ACME
import ACMEClient
import DNS
import Foundation
import NIOCore
import TestSupport
import Testing

@testable import Agent

/// The way from a CA to the proof: ports, addresses, redirects.
extension DoctorTests {
    private func way(
        _ port: Int, hints: @escaping @Sendable (String) -> String? = { _ in nil }, _ addresses: [String: [String]] = [:]
    ) -> WayExamination {
        WayExamination(
            ports: WayExamination.Ports(http: port, https: port), hints: HostHints(read: hints),
            addresses: { name in (addresses[name] ?? ["127.0.0.1"]).compactMap { IPAddress($0) } })
    }

    private var loopback: IPAddress { IPAddress(v4: 0x7F00_0001) }

    @Test func `closed ports are told with what this host knows about them`() async throws {
        let port = try freePort()
        let webroot = ChallengeMethod.webroot("/srv")
        let found = await way(port).run("a.test", [loopback], webroot, isPublic: false)
        #expect(found.map(\.check) == [.port] && found[0].place == "127.0.0.1:\(port)")
        #expect(found[0].change?.contains("Start the web server") == true)
        let nothing = "  sl  local_address rem_address st\n   0: 0100007F:0016 00000000:0000 0A 0\n"
        let told = await way(port, hints: { $0 == "/proc/net/tcp" ? nothing : nil }).run(
            "a.test", [loopback], webroot, isPublic: false)
        #expect(told[0].change?.contains("nothing on this host listens on port \(port)") == true)
        // Chancery will listen there itself.
        #expect(await way(port).run("a.test", [loopback], .standalone(port: 80), isPublic: false).isEmpty)
        #expect(await way(port).run("a.test", [loopback], .dnsHook("/x"), isPublic: false).isEmpty)
        let unreachable = try #require(IPAddress("255.255.255.255"))
        #expect(await way(port).run("a.test", [unreachable], webroot, isPublic: false).map(\.check) == [.address])
    }

    @Test func `an AAAA record that leads nowhere is told, beside an A record that leads here`() async throws {
        let web = try await RawServer(saying: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        let six = try #require(IPAddress("::1"))
        let found = await way(web.port).run("a.test", [six, loopback], .webroot("/srv"), isPublic: false)
        #expect(found.map(\.severity) == [.trouble] && found[0].place == "[::1]:\(web.port)")
        #expect(found[0].change?.contains("AAAA record of a.test") == true)
    }

    @Test func `addresses that no CA of the Internet reaches are told for such CAs alone`() async throws {
        let web = try await RawServer(saying: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        let found = await way(web.port).run("a.test", [loopback], .webroot("/srv"), isPublic: true)
        #expect(found.map(\.check) == [.address] && found[0].change?.contains("--dns-hook") == true)
        for (text, special) in [
            ("10.1.2.3", true), ("172.16.0.1", true), ("172.32.0.1", false), ("192.168.1.1", true), ("100.64.0.1", true),
            ("8.8.8.8", false),
            ("169.254.169.254", true), ("::1", true), ("fd00::1", true), ("fe80::1", true), ("2606:4700::1", false),
            ("::ffff:10.0.0.1", true),
            ("2001:db8::1", true), ("224.0.0.1", true), ("1.1.1.1", false),
        ] { #expect(IPAddress(text)?.isSpecial == special, "\(text)") }
    }

    @Test(.enabled(if: has("nginx"), "nginx is not installed"))
    func `redirects are followed as a CA follows them, through a real nginx`() async throws {
        let port = try freePort()
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(folder.path($0));" }
        func host(_ name: String, _ rule: String) -> String {
            "server { listen 127.0.0.1:\(port); server_name \(name); location / { \(rule) } }"
        }
        let servers = [
            host("good.test", "return 404;"), host("twice.test", "return 301 http://once.test:\(port)$request_uri;"),
            host("once.test", "return 302 http://good.test:\(port)$request_uri;"),
            host("circle.test", "return 302 http://circle.test:\(port)$request_uri;"),
            host("long.test", "return 302 http://long.test:\(port)$request_uri/x;"),
            host("port.test", "return 302 http://good.test:8081$request_uri;"),
            host("address.test", "return 302 http://127.0.0.1:\(port)/;"),
            host("scheme.test", "return 302 gopher://good.test/;"), host("nowhere.test", "return 302 http://gone.test:\(port)/;"),
            host("private.test", "return 302 http://inner.test:\(port)/;"),
            host("relative.test", "return 302 /other$request_uri;"),
            host("page.test", "return 200 hello;"), host("closed.test", "return 403;"), host("broken.test", "return 500;"),
        ]
        let config = try folder.write(
            "nginx.conf",
            """
            pid \(folder.path("nginx.pid")); error_log \(folder.path("nginx.log")); worker_processes 1; daemon off;
            events {}
            http { access_log off; absolute_redirect off; \(temporary.joined(separator: " ")) \(servers.joined(separator: "\n")) }
            """)
        let nginx = try RunningProgram("nginx", ["-c", config], log: folder.path("nginx.out"))
        try await eventually("nginx", limit: 60) {
            try await Program.run("bash", ["-c", "exec 3<>/dev/tcp/127.0.0.1/\(port)"]).status == 0
        }
        func found(_ name: String, from: IPAddress? = nil) async -> [Finding] {
            await way(port, ["gone.test": []]).run(name, [from ?? loopback], .webroot("/srv"), isPublic: false)
        }
        #expect(await found("good.test").isEmpty)
        let twice = await found("twice.test")
        #expect(
            twice.map(\.severity) == [.note]
                && twice[0].text.hasSuffix(
                    "http://twice.test -> http://once.test:\(port)/.well-known/acme-challenge/chancery-doctor -> http://good.test:\(port)/.well-known/acme-challenge/chancery-doctor"
                ))
        for (name, says) in [
            ("circle.test", "circle"), ("long.test", "more than 10"), ("port.test", "port 8081"),
            ("address.test", "no name, such as an address"),
            ("scheme.test", "something else than http"), ("nowhere.test", "no address"), ("relative.test", "more than 10"),
            ("closed.test", "HTTP 403"),
        ] {
            let all = await found(name)
            #expect(all.contains { $0.severity == .trouble && $0.text.contains(says) && $0.change != nil }, "\(name): \(all)")
        }
        for (name, says) in [("page.test", "answered with 200"), ("broken.test", "HTTP 500")] {
            #expect(await found(name).contains { $0.severity == .warning && $0.text.contains(says) }, "\(name)")
        }
        try await nginx.stop(SIGQUIT)
    }

    @Test func `hostile web servers cost a bounded time, and their words do not reach the terminal raw`() async throws {
        let began = ContinuousClock.now
        let silent = try await RawServer { _ in }
        #expect(
            await HTTPLook.get("a.test", "/", at: "127.0.0.1", port: silent.port, secure: false)
                == .noAnswer("no HTTP answer came within 5 s"))
        let endless = try await RawServer { channel in
            @Sendable func more() {
                channel.writeAndFlush(ByteBuffer(string: "X-A: \(String(repeating: "a", count: 8_000))\r\n")).whenSuccess {
                    more()
                }
            }
            channel.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 OK\r\n")).whenSuccess { more() }
        }
        guard case .noAnswer = await HTTPLook.get("a.test", "/", at: "127.0.0.1", port: endless.port, secure: false) else {
            return #expect(Bool(false), "endless headers were an answer")
        }
        #expect(
            await HTTPLook.get("a.test", "/", at: "127.0.0.1", port: endless.port, secure: true)
                == .noAnswer("what answers does not speak TLS"))
        let noise = try await RawServer(saying: "SSH-2.0-OpenSSH_9\r\n")
        #expect(
            await HTTPLook.get("a.test", "/", at: "127.0.0.1", port: noise.port, secure: false)
                == .noAnswer("what answers does not speak HTTP"))
        for location in [
            "http://good.test/\u{1B}[31m", "http://[bad", String(repeating: "x", count: 5_000), "//", "http:///",
            "http://a%0d%0aX-B:%20c/",
        ] {
            let liar = try await RawServer(saying: "HTTP/1.1 302 Found\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n")
            for finding in await way(liar.port).run("a.test", [loopback], .webroot("/srv"), isPublic: false) {
                #expect(finding.text.unicodeScalars.allSatisfy { $0.value >= 0x20 })
            }
        }
        let away = try await RawServer(
            saying: "HTTP/1.1 302 Found\r\nLocation: http://inner.test/latest/meta-data\r\nContent-Length: 0\r\n\r\n")
        // From a public name into a private network: the hop is not made. The first answer is taken as from a public address.
        let found = await way(away.port, ["inner.test": ["169.254.169.254"]]).run(
            "a.test", [loopback], .webroot("/srv"), isPublic: false)
        #expect(found.allSatisfy { !$0.text.contains("\u{1B}") })
        #expect(ContinuousClock.now - began < .seconds(120))
    }
}
