import ACME
import Authority
import Store
import Testing

/// reliability.md 3.1, transport: what is refused before a signature is looked at.
struct TransportTests {
    static let order = "/acme/default/new-order"

    static func typed(_ types: String...) -> @Sendable (HostileWorld) -> Wire {
        { hostile in
            var wire = Wire(order, hostile.newOrder.body)
            wire.headers = ["Host: ca.test"] + types.map { "Content-Type: \($0)" }
            return wire
        }
    }

    static let table: [Hostile] = [
        Hostile(wire: "S-6.2-19 no content type", 415, make: typed()),
        Hostile(wire: "S-6.2-19 application/json", 415, make: typed("application/json")),
        Hostile(wire: "S-6.2-19 text/plain", 415, make: typed("text/plain")),
        Hostile(wire: "S-6.2-19 a longer name", 415, make: typed("application/jose+jsonx")),
        Hostile(wire: "S-6.2-19 the compact form's type", 415, make: typed("application/jose")),
        Hostile(wire: "S-6.2-19 two content types", 415, make: typed("application/jose+json", "application/jose+json")),
        Hostile(wire: "S-6.2-19 a list of types", 415, make: typed("application/jose+json, application/json")),
        Hostile(wire: "S-6.2-19 an empty content type", 415, make: typed("")),
        Hostile(wire: "gzip", 415) { hostile in
            var wire = Wire(order, hostile.newOrder.body)
            wire.headers.append("Content-Encoding: gzip")
            return wire
        },
        Hostile("empty body", 400) { _ in "" },
        Hostile("S-6.2-2 bare JSON", 400, at: "/acme/default/new-account") { _ in #"{"termsOfServiceAgreed":true}"# },
        Hostile("body of 64 KiB and one byte", 413) { _ in String(repeating: "a", count: 65_537) },
        Hostile(raw: "body announced as 1 MiB", 413) { _ in
            "POST \(order) HTTP/1.1\r\nHost: a\r\nContent-Type: application/jose+json\r\nContent-Length: 1048576\r\n\r\n"
        },
        Hostile(wire: "chunked body of 70 KB", 413) { _ in
            var wire = Wire(order, String(repeating: "a", count: 70_000))
            wire.chunked = true
            return wire
        },
        Hostile("trailing bytes behind the JWS", 400) { $0.newOrder.body + "x" },
        Hostile("a second object behind the JWS", 400) { $0.newOrder.body + "{}" },
        Hostile(raw: "S-6.5-2 unknown path", 404) { _ in
            "POST /acme/default/new-cert HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        },
        Hostile(raw: "S-6.4-2 doubled slash", 404) { _ in
            "POST /acme//default/new-order HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        },
        Hostile(raw: "S-6.4-2 percent sign in the path", 404) { _ in
            "POST /acme/default/new%2Dorder HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        },
        Hostile(raw: "trailing slash in the path", 404) { _ in "POST \(order)/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        },
        Hostile(raw: "other case in the path", 404) { _ in
            "POST /ACME/default/new-order HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        },
        Hostile(raw: "path traversal", 404) { _ in
            "POST /acme/default/../default/new-order HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        },
        Hostile(raw: "S-6.5-2 POST to a page", 405) { _ in "POST /root.pem HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" },
        Hostile(raw: "no Host", 400) { _ in "POST \(order) HTTP/1.1\r\nContent-Length: 0\r\n\r\n" },
        Hostile(raw: "two Hosts", 400) { _ in "POST \(order) HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n" },
        Hostile(raw: "another transfer coding", 400) { _ in
            "POST \(order) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
        },
        Hostile(raw: "an unknown expectation", 417) { _ in
            "POST \(order) HTTP/1.1\r\nHost: a\r\nExpect: a-cake\r\nContent-Length: 0\r\n\r\n"
        },
        Hostile(raw: "a target of 3000 bytes", 414) { _ in
            "POST /\(String(repeating: "a", count: 3000)) HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        },
    ]

    @Test(arguments: table)
    func `a POST that is wrong as HTTP gets its status, a problem and a nonce, and changes nothing`(_ hostile: Hostile)
        async throws
    {
        try await expectRefusal(hostile)
    }

    static let unparsed: [Hostile] = [
        Hostile(raw: "two Content-Length fields", 400) { _ in
            "POST \(order) HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"
        },
        Hostile(raw: "a target that is no path", 400) { _ in
            "POST acme/default/new-order HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        },
        Hostile(raw: "garbage", 400) { _ in "\u{1}\u{2}\u{3}\r\n\r\n" },
        Hostile(raw: "HTTP/2 preface", 400) { _ in "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
        Hostile(raw: "negative Content-Length", 400) { _ in "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n" },
        Hostile(raw: "Content-Length in words", 400) { _ in "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: two\r\n\r\n" },
        Hostile(raw: "Content-Length beside chunked", 400) { _ in
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        },
        Hostile(raw: "a header field without colon", 400) { _ in "POST / HTTP/1.1\r\nHost: a\r\nwhat\r\n\r\n" },
        Hostile(raw: "white space before the colon", 400) { _ in "POST / HTTP/1.1\r\nHost : a\r\n\r\n" },
        Hostile(raw: "a field of 20 KB", 431) { _ in
            "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 20_000))\r\n\r\n"
        },
        Hostile(raw: "100 fields", 431) { _ in
            "GET / HTTP/1.1\r\nHost: a\r\n\((0..<100).map { "X-\($0): 1\r\n" }.joined())\r\n"
        },
    ]

    @Test(arguments: unparsed)
    func `what is no HTTP request gets a problem and the end of the connection`(_ hostile: Hostile) async throws {
        let here = try await HostileWorld.shared.value
        let client = try await here.world.client()
        try await client.send(hostile.make(here))
        let answer = try await client.answer()
        #expect(answer.status == hostile.status)
        #expect(answer.problem == hostile.type)
        #expect(answer["Connection"] == "close")
        #expect(await client.isClosed())
    }

    @Test(arguments: ["", "; charset=utf-8", " ;x=y"])
    func `S-6.2-19 a parameter behind the content type is tolerated`(_ parameter: String) async throws {
        let here = try await HostileWorld.shared.value
        var wire = Wire("/acme/default/account/" + here.holder.id.text, here.holder.forge(here.holder.kid, "").body)
        wire.headers = ["Host: elsewhere.test", "Content-Type: Application/JOSE+JSON\(parameter)"]
        #expect(try await here.world.ask(wire).status == 200)
    }

    @Test func `a chunked body is a body, and Expect: 100-continue is met`() async throws {
        let here = try await HostileWorld.shared.value
        let client = try await here.world.client()
        var wire = Wire("/acme/default/account/" + here.holder.id.text, here.holder.forge(here.holder.kid, "").body)
        wire.chunked = true
        wire.headers += ["Expect: 100-continue", "Replay-Nonce: ignored"]
        try await client.send(wire.bytes)
        #expect(try await client.answer().status == 100)
        #expect(try await client.answer().status == 200)
    }

    @Test(arguments: ["https://ca.test:8443", "http://other.test"])
    func `a request target in absolute form is its path`(_ origin: String) async throws {
        let here = try await HostileWorld.shared.value
        let wire = Wire(method: "GET", origin + "/acme/default/directory")
        #expect(try await here.world.ask(wire).status == 200)
    }

    static let readers = ["GET", "HEAD", "PUT", "DELETE", "PATCH"]
    @Test(arguments: readers)
    func `S-6.3-1 S-6.7-3 another method gets 405 with Allow wherever only POST is served`(_ method: String) async throws {
        let here = try await HostileWorld.shared.value
        let id = RecordIDs.unknown
        let client = try await here.world.client()
        for path in [
            "new-account", "new-order", "revoke-cert", "key-change", "account/\(id)", "account/\(id)/orders", "order/\(id)",
            "order/\(id)/finalize", "authorization/\(id)", "challenge/\(id)/http-01", "certificate/\(id)", "certificate/\(id)/1",
        ] {
            try await client.send(Wire(method: method, "/acme/default/" + path).bytes)
            let answer = try await client.answer(toHead: method == "HEAD")
            #expect(answer.status == 405, "\(path)")
            #expect(answer["Allow"] == "POST, OPTIONS", "\(path)")
            if method != "HEAD" { #expect(answer.problem == "malformed", "\(path)") }
        }
        #expect(try await here.isUnchanged())
    }
}
