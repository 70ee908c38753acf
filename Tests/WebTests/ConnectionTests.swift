import ACME
import Authority
import Foundation
import NIOSSL
import Testing
import Web

/// What one connection may cost, and how it ends.
struct ConnectionTests {
    static func limits(_ change: (inout ConnectionLimits) -> Void) -> ConnectionLimits {
        var limits = ConnectionLimits()
        change(&limits)
        return limits
    }

    @Test func `a body that is too long is answered at once, and the connection ends without reading it`() async throws {
        let world = try await World()
        let client = try await world.client()
        try await client.send("POST /acme/default/new-order HTTP/1.1\r\nHost: a\r\nContent-Length: 200000000\r\n\r\n")
        let answer = try await client.answer()
        #expect(answer.status == 413)
        #expect(answer["Connection"] == "close")
        #expect(await client.isClosed())
        try await world.stop()
    }

    @Test func `a chunked body is cut off at the limit`() async throws {
        let world = try await World(limits: Self.limits { $0.body = 1000 })
        let client = try await world.client()
        try await client.send("POST /acme/default/new-order HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in 0..<11 { try await client.send("64\r\n" + String(repeating: "a", count: 100) + "\r\n") }
        #expect(try await client.answer().status == 413)
        #expect(await client.isClosed())
        try await world.stop()
    }

    @Test func `a connection that sends nothing, or half a header, is closed`() async throws {
        let world = try await World(
            limits: Self.limits {
                $0.idle = .milliseconds(100)
                $0.header = .milliseconds(100)
            })
        let silent = try await world.client()
        let slow = try await world.client()
        // It may be over before this is out.
        try? await slow.send("GET / HTTP/1.1\r\nHost: a\r\nX-Slow:")
        #expect(await silent.isClosed())
        #expect(await slow.isClosed())
        try await world.stop()
    }

    @Test func `a connection that does not get to TLS is closed, whatever it has said`() async throws {
        let world = try await World(limits: Self.limits { $0.handshake = .milliseconds(200) })
        let silent = try await WireClient(port: world.port, tls: false)
        let half = try await WireClient(port: world.port, tls: false)
        // The begin of a greeting, which then does not come.
        try? await half.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00])
        #expect(await silent.isClosed())
        #expect(await half.isClosed())
        try await world.stop()
    }

    @Test func `a body that does not arrive in time gets 408 and the end of the connection`() async throws {
        let world = try await World(limits: Self.limits { $0.reading = .milliseconds(100) })
        let client = try await world.client()
        try await client.send("POST /acme/default/new-order HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
        let answer = try await client.answer()
        #expect(answer.status == 408)
        #expect(answer.problem == "malformed")
        #expect(answer.all("Replay-Nonce").count == 1)
        #expect(await client.isClosed())
        try await world.stop()
    }

    @Test func `an answer that is not ready in time is 503, and the connection ends`() async throws {
        let (never, hold) = AsyncStream<Void>.makeStream()
        let world = try await World(
            limits: Self.limits { $0.answering = .milliseconds(100) },
            faults: {
                for await _ in never {}
                return []
            })
        let client = try await world.client()
        try await client.send(Wire(method: "GET", "/readyz").bytes)
        let answer = try await client.answer()
        #expect(answer.status == 503)
        #expect(answer.problem == "serverInternal")
        #expect(answer["Retry-After"] != nil)
        #expect(await client.isClosed())
        hold.finish()
        try await world.stop()
    }

    @Test func `further connections wait when there are too many`() async throws {
        let world = try await World(limits: Self.limits { $0.crowdedIdle = .seconds(60) }, maximumConnections: 1)
        let first = try await world.client()
        try await first.send(Wire(method: "GET", "/healthz").bytes)
        #expect(try await first.answer().status == 200)
        let second = try await WireClient(port: world.port)
        async let answer = { () async throws -> Int in
            try await second.send(Wire(method: "GET", "/healthz").bytes)
            return try await second.answer().status
        }()
        try await first.send(Wire(method: "GET", "/healthz").bytes)
        #expect(try await first.answer().status == 200)
        await first.close()
        #expect(try await answer == 200)
        await second.close()
        try await world.stop()
    }

    @Test func `requests on one connection are answered in order, pipelined ones too`() async throws {
        let world = try await World()
        let client = try await world.client()
        try await client.send(
            Wire(method: "GET", "/healthz").bytes + Wire(method: "HEAD", "/acme/default/new-nonce").bytes
                + Wire(method: "GET", "/nowhere").bytes)
        #expect(try await client.answer().text == "ok\n")
        #expect(try await client.answer(toHead: true).status == 200)
        #expect(try await client.answer().status == 404)
        try await client.send("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(try await client.answer()["Connection"] == "close")
        #expect(await client.isClosed())
        try await world.stop()
    }

    @Test func `HTTP/1.0 is answered and closed`() async throws {
        let world = try await World()
        let client = try await world.client()
        try await client.send("GET /healthz HTTP/1.0\r\n\r\n")
        #expect(try await client.answer().status == 200)
        #expect(await client.isClosed())
        try await world.stop()
    }

    @Test func `a shutdown answers what is in flight, says close, and ends idle connections`() async throws {
        let (reached, mark) = AsyncStream<Void>.makeStream()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let world = try await World(faults: {
            mark.finish()
            for await _ in gate {}
            return []
        })
        let idle = try await world.client()
        try await idle.send(Wire(method: "GET", "/healthz").bytes)
        #expect(try await idle.answer().status == 200)
        let busy = try await world.client()
        try await busy.send(Wire(method: "GET", "/readyz").bytes)
        for await _ in reached {}
        await world.beginShutdown()
        #expect(await idle.isClosed())
        open.finish()
        let answer = try await busy.answer()
        #expect(answer.status == 200)
        #expect(answer["Connection"] == "close")
        #expect(await busy.isClosed())
        try await world.ended()
    }

    @Test func `a new TLS context serves new connections while the server runs`() async throws {
        let world = try await World()
        let before = try await world.client()
        try await before.send(Wire(method: "GET", "/healthz").bytes)
        #expect(try await before.answer().status == 200)
        let (_, chain, key) = try await World.issuer(at: Date())
        world.box.current = try TLSContextBox.context(chain: chain, key: key)
        let after = try await world.client()
        try await after.send(Wire(method: "GET", "/healthz").bytes)
        #expect(try await after.answer().status == 200)
        #expect(try await after.peerCertificate() == chain.first)
        #expect(try await before.peerCertificate() != chain.first)
        try await before.send(Wire(method: "GET", "/healthz").bytes)
        #expect(try await before.answer().status == 200)
        try await world.stop()
    }

    @Test func `S-6.1-2 TLS 1.1 is refused`() async throws {
        let here = try await HostileWorld.shared.value
        await #expect(throws: (any Error).self) {
            let client = try await WireClient(port: here.world.port, maximum: .tlsv11)
            try await client.send(Wire(method: "GET", "/healthz").bytes)
            _ = try await client.answer()
        }
    }
}
