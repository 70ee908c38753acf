import ACME
import NIOCore
import NIOSSL
import Synchronization
import TestSupport
import Testing

@testable import Validation

@Suite(.timeLimit(.minutes(2)))
struct HTTP01Tests {
    @Test func `S-8.3-2 S-8.3-5 the request is a GET over http for exactly the path and name`() async throws {
        let server = try await HostileServer(HostileServer.say(Setting.ok(Setting.proof)))
        let setting = try Setting(port: server.port)
        let evidence = try await setting.validate().get()
        #expect(evidence.address == "127.0.0.1")
        let lines = try #require(server.requests.first).split(separator: "\r\n")
        #expect(lines.first == "GET \(Setting.path) HTTP/1.1")
        #expect(lines.contains("Host: a.test:\(server.port)"))
        #expect(setting.nameServer.questions.filter { $0.type == 1 }.count == 1, "resolved once")
    }

    @Test(arguments: [
        Setting.ok(Setting.proof), Setting.ok(Setting.proof + "\n"), Setting.ok(Setting.proof + "\r\n "),
        Setting.ok(Setting.proof + "\t"),
        "HTTP/1.0 200 OK\r\n\r\n" + Setting.proof, "HTTP/1.1 200\r\n\r\n" + Setting.proof,
        "HTTP/1.1 299 Fine\n\n" + Setting.proof + "\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + Setting.ok(Setting.proof),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2b;x=y\r\n\(Setting.token)\r\n2C\r\n.\(Setting.thumbprint)\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length:87\r\nContent-Encoding: identity\r\n\r\n\(Setting.proof)\r\nHTTP/1.1 404 No\r\n\r\n",
    ])
    func `S-8.3-3 the key authorization is found however it is framed, white space behind it ignored`(answer: String) async throws
    {
        let server = try await HostileServer(HostileServer.say(answer))
        let result = try await Setting(port: server.port).validate()
        #expect(throws: Never.self) { try result.get() }
    }

    static let wrong: [(answer: String, type: ErrorType)] = [
        (Setting.ok(" " + Setting.proof), .incorrectResponse), (Setting.ok(Setting.proof.uppercased()), .incorrectResponse),
        (Setting.ok(Setting.proof + "x"), .incorrectResponse), (Setting.ok(Setting.proof + "\nx"), .incorrectResponse),
        (Setting.ok(""), .incorrectResponse), (Setting.ok("%s%n%d secret"), .incorrectResponse),
        (Setting.ok(Setting.token), .incorrectResponse),
        (Setting.ok("secret" + String(repeating: "x", count: 600)), .incorrectResponse),
        (Setting.ok(Setting.proof + String(repeating: "\n", count: 600)), .incorrectResponse),
        ("HTTP/1.1 204 No Content\r\n\r\n", .incorrectResponse),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\u{1f}\u{8b}x", .incorrectResponse),
        ("HTTP/1.1 404 Not Found\r\n\r\nsecret", .unauthorized), ("HTTP/1.1 500 secret\r\n\r\n", .unauthorized),
        ("HTTP/1.1 304 Not Modified\r\n\r\n", .unauthorized), ("HTTP/1.1 300 Choices\r\nLocation: /\r\n\r\n", .unauthorized),
        (Setting.redirect("/x", 303), .unauthorized),
        ("HTTP/1.1 302 Found\r\n\r\n", .connection), ("SSH-2.0-secret\r\n", .connection), ("HTTP/2 200\r\n\r\n", .connection),
        ("HTTP/1.1 abc\r\n\r\n", .connection), ("HTTP/1.1 200 OK\r\nsecret\r\n\r\n", .connection), ("", .connection),
        ("HTTP/1.1 200 OK\r\nContent-Length: 87\r\n\r\nsecret", .connection),
        ("HTTP/1.1 200 OK\r\nContent-Length: 8", .connection),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", .connection),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", .connection),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", .connection),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", .connection),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffff\r\n", .connection),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret", .connection),
        ("HTTP/1.1 101 Switching\r\n\r\n", .connection),
    ]
    @Test(arguments: wrong)
    func `S-8.3-3 anything else fails by its kind, and nothing of it is shown`(answer: String, type: ErrorType) async throws {
        let server = try await HostileServer(HostileServer.say(answer))
        let problem = try await Setting(port: server.port).problem()
        #expect(problem.errorType == type, "\(problem.detail ?? "")")
        #expect(problem.says("127.0.0.1") && problem.says("a.test"))
        #expect(!problem.says("secret") && !problem.says(Setting.thumbprint))
    }

    @Test(
        arguments: [301, 302, 307, 308],
        ["/next", "//A.test:PORT/next", "http://a.test.:PORT/next", "next", "../x/../next?a=b", "http://127.0.0.1:PORT/next#f"])
    func `S-8.3-4 redirects are followed, relative ones too, with a lookup for each`(status: Int, location: String) async throws {
        let port = Mutex(0)
        let server = try await HostileServer { request, channel in
            let found = request.contains("next")
            let here = location.replacing("PORT", with: "\(port.withLock { $0 })")
            HostileServer.send(found ? Setting.ok(Setting.proof) : Setting.redirect(here, status), channel, close: true)
        }
        port.withLock { $0 = server.port }
        let setting = try Setting(port: server.port)
        let result = await setting.validate()
        #expect(throws: Never.self) { try result.get() }
        #expect(setting.nameServer.questions.filter { $0.type == 1 }.count == (location.contains("127.0.0.1") ? 1 : 2))
    }

    /// Where http redirects to https on another port, which stands in for 443.
    private func redirected(to secure: HostileServer, host: String = "a.test") async throws -> Result<Evidence, Problem> {
        let server = try await HostileServer(HostileServer.say(Setting.redirect("https://\(host):\(secure.port)/x")))
        let setting = try Setting(port: server.port)
        let reach = Reach(
            resolver: setting.reach.resolver, policy: setting.reach.policy, http01Port: server.port, tlsALPN01Port: secure.port,
            group: setting.reach.dialer.group)
        let attempt = Attempt(type: .http01, name: "a.test", token: Setting.token, thumbprint: Setting.thumbprint)
        return await Validator(reach).validate(attempt)
    }

    @Test(arguments: TLSALPN01Tests.good.keys.sorted(), [TLSVersion.tlsv12, .tlsv13])
    func `S-8.3-4 a redirect to https is followed without a check of the certificate`(name: String, version: TLSVersion)
        async throws
    {
        let proof = try #require(TLSALPN01Tests.good[name])
        let secure = try await HostileServer(
            tls: proof().serverContext(alpn: ["h2", "http/1.1"], minimum: version, maximum: version),
            HostileServer.say(Setting.ok(Setting.proof)))
        let result = try await redirected(to: secure)
        #expect(throws: Never.self) { try result.get() }
        #expect(secure.requests.first?.hasPrefix("GET /x HTTP/1.1\r\nHost: a.test:\(secure.port)\r\n") == true)
    }

    @Test(arguments: ["a.test", "127.0.0.1"])
    func `S-8.3-4 an answer over https is read to its end, however that comes`(host: String) async throws {
        for answer in ["HTTP/1.1 200 OK\r\n\r\n" + Setting.proof, Setting.ok(Setting.proof)] {
            let secure = try await HostileServer(tls: Proof().serverContext(alpn: [])) { _, channel in
                // In pieces, the end with or without a TLS close.
                for piece in [answer.prefix(30), answer.dropFirst(30)] {
                    HostileServer.send(String(piece), channel, close: false)
                }
                channel.eventLoop.scheduleTask(in: .milliseconds(20)) { channel.close(promise: nil) }
            }
            let result = try await redirected(to: secure, host: host)
            #expect(throws: Never.self) { try result.get() }
        }
    }

    static let hostileTLS: [(answer: String, says: String)] = [
        (Setting.ok(String(repeating: "x", count: 100_000)), "not the key authorization"), ("", "is missing"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 87\r\n\r\nsecret", "ended early"),
    ]
    @Test(arguments: hostileTLS)
    func `a hostile answer over https fails like one over http`(answer: String, says: String) async throws {
        let secure = try await HostileServer(tls: Proof().serverContext(alpn: []), HostileServer.say(answer))
        guard case .failure(let problem) = try await redirected(to: secure) else { return #expect(Bool(false), "validated") }
        #expect(problem.says(says) && !problem.says("secret"), "\(problem.detail ?? "")")
    }

    @Test func `an endless answer over https is cut off`() async throws {
        let secure = try await HostileServer(tls: Proof().serverContext(alpn: []), HostileServer.flood("x: y\r\n"))
        guard case .failure(let problem) = try await redirected(to: secure) else { return #expect(Bool(false), "validated") }
        #expect(problem.errorType == .connection, "\(problem.detail ?? "")")
    }

    @Test(arguments: ["HTTP/1.1 200 OK\r\n\r\nsecret", "", String(repeating: "\u{16}", count: 5000)])
    func `what does not speak TLS behind a redirect to https is told, not shown`(greeting: String) async throws {
        let secure = try await HostileServer(on: .connection, HostileServer.say(greeting))
        guard case .failure(let problem) = try await redirected(to: secure) else { return #expect(Bool(false), "validated") }
        #expect(problem.errorType == .tls || problem.errorType == .connection, "\(problem.detail ?? "")")
        #expect(problem.says("port \(secure.port)") && !problem.says("secret"))
    }

    @Test(arguments: [
        "file:///etc/passwd", "ftp://a.test/x", "gopher://a.test/", "http:a.test", "http://a.test:25/", "http://a.test:6379/x",
        "https://a.test:8443/",
        "http://user@a.test/", "http://user:password@a.test/", "http://a.test\\@b.test/", "http://[::1/",
        "http://[fe80::1%25eth0]/", "http://0x7f.1/",
        "http://2130706433/", "http://017700000001/", "http://127.1/", "http://a..test/", "http://*.a.test/",
        "http://a.test:99999/",
        "http://a.test:+80/", "http://a.test:80:80/", "http:///x", "http://a_b.test%00/", "javascript:alert(1)", "/\u{7f}", "/ä",
        "/" + String(repeating: "x", count: 2048), "http://::1/", "http://[127.0.0.1]/",
    ])
    func `S-8.3-4 a redirect to what is no plain web URL is refused`(location: String) async throws {
        let server = try await HostileServer(HostileServer.say(Setting.redirect(location)))
        let problem = try await Setting(port: server.port).problem()
        #expect(problem.errorType == .connection)
        #expect(problem.says("redirect"), "\(problem.detail ?? "")")
        #expect(server.connections == 1)
    }

    @Test func `S-8.3-4 a circle of redirects ends at once`() async throws {
        let server = try await HostileServer { request, channel in
            HostileServer.send(Setting.redirect(request.hasPrefix("GET /b ") ? Setting.path : "/b"), channel, close: true)
        }
        let problem = try await Setting(port: server.port).problem()
        #expect(problem.says("circle"))
        #expect(server.connections == 2)
    }

    @Test(arguments: [(10, true), (11, false)])
    func `S-8.3-4 ten redirects are followed, eleven are not`(redirects: Int, works: Bool) async throws {
        let hops = Mutex(0)
        let server = try await HostileServer { _, channel in
            let hop = hops.withLock {
                $0 += 1; return $0
            }
            HostileServer.send(hop > redirects ? Setting.ok(Setting.proof) : Setting.redirect("/\(hop)"), channel, close: true)
        }
        let result = try await Setting(port: server.port).validate()
        #expect(((try? result.get()) != nil) == works)
        #expect(server.connections == 11)
    }

    @Test(arguments: ["X: y\r\n", "HTTP/1.1 100 Continue\r\n\r\n", String(repeating: "x", count: 1000)])
    func `endless headers are cut off`(piece: String) async throws {
        let flood = HostileServer.flood(piece)
        let server = try await HostileServer { request, channel in
            HostileServer.send(piece.hasPrefix("HTTP") ? "" : "HTTP/1.1 200 OK\r\n", channel, close: false)
            flood(request, channel)
        }
        let problem = try await Setting(port: server.port).problem()
        #expect(problem.errorType == .connection)
        #expect(problem.says("more than 16384 bytes of header"))
    }

    @Test(arguments: ["\r\n", "Transfer-Encoding: chunked\r\n\r\n1;", "Content-Length: 999999999\r\n\r\n"])
    func `endless bodies are cut off`(start: String) async throws {
        let flood = HostileServer.flood(String(repeating: "a", count: 1000))
        let server = try await HostileServer { request, channel in
            HostileServer.send("HTTP/1.1 200 OK\r\n" + start, channel, close: false)
            flood(request, channel)
        }
        let problem = try await Setting(port: server.port).problem()
        #expect(problem.errorType == .incorrectResponse || problem.says("too little body"))
    }

    @Test(arguments: ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 87\r\n\r\neva"])
    func `a server that stops talking holds nobody beyond the deadline, and the connection is closed`(start: String) async throws
    {
        let (closed, closing) = AsyncStream.makeStream(of: Void.self)
        let server = try await HostileServer { _, channel in
            channel.closeFuture.whenComplete { _ in closing.finish() }
            HostileServer.send(start, channel, close: false)
        }
        let problem = try await Setting(port: server.port, deadline: .seconds(3)).problem()
        #expect(problem.errorType == .connection)
        #expect(problem.says("asking 127.0.0.1 port \(server.port) for http://a.test"))
        for await _ in closed {}
    }

    @Test func `a silent name server holds nobody beyond the deadline`() async throws {
        let problem = try await Setting(port: 1, deadline: .milliseconds(300)) { _ in .silence }.problem()
        #expect(problem.says("waiting for the addresses of a.test"))
    }

    @Test func `an interrupted validation says so and is nobody's fault`() async throws {
        let server = try await HostileServer { _, _ in }
        let setting = try Setting(port: server.port)
        let validation = Task { await setting.validate() }
        while server.requests.isEmpty { await Task.yield() }
        validation.cancel()
        guard case .failure(let problem) = await validation.value else { return #expect(Bool(false)) }
        #expect(problem.errorType == .serverInternal)
    }

    @Test func `IPv6 goes first, and IPv4 follows when nothing listens there`() async throws {
        let server = try await HostileServer(HostileServer.say(Setting.ok(Setting.proof)))
        let setting = try Setting(port: server.port) { _ in .records([.a(Setting.v4), .aaaa(Setting.v6)]) }
        #expect(try await setting.validate().get().address == "127.0.0.1")
        let six = try await HostileServer(at: "::1", port: server.port, HostileServer.say(Setting.ok(Setting.proof)))
        #expect(try await setting.validate().get().address == "::1")
        #expect(six.connections == 1)
    }

    @Test func `a refused connection names every address that was tried`() async throws {
        let port = try await HostileServer.unused()
        let problem = try await Setting(port: port) { _ in .records([.a(Setting.v4), .aaaa(Setting.v6)]) }.problem()
        #expect(problem.errorType == .connection)
        #expect(
            problem.says("::1 port \(port): connection refused") && problem.says("127.0.0.1 port \(port): connection refused"))
    }

    @Test(arguments: [3, 2]) func `a failed lookup is a dns problem`(code: Int) async throws {
        let problem = try await Setting(port: 1) { _ in .code(code) }.problem()
        #expect(problem.errorType == .dns)
        #expect(problem.says("a.test"))
    }

    @Test func `a single label is validated like any name`() async throws {
        let server = try await HostileServer(HostileServer.say(Setting.ok(Setting.proof)))
        let result = try await Setting(port: server.port).validate(.http01, "intranet")
        #expect(throws: Never.self) { try result.get() }
    }
}
