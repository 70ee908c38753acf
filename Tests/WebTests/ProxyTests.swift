import ACME
import Foundation
import InMemoryTracing
import NIOSSL
import Testing
import Validation
import Web

/// Trusted proxies in front of the real listeners. 127.0.0.1 is one where it is listed; all test clients come from there.
struct ProxyTests {
    static func proxies(
        _ ranges: [String] = ["127.0.0.1"], _ field: TrustedProxies.Field = .none, protocol expects: Bool = false
    ) throws -> TrustedProxies {
        TrustedProxies(try ranges.map { try AddressRange($0) }, field: field, expectsProxyHeader: expects)
    }

    /// The last request as it was logged: client and proxy.
    static func logged(_ world: World, _ route: String) -> [String?] {
        let line = world.lines.all.last { $0.message == "request" && $0.metadata["route"] == route }
        return [line?.metadata["peer"], line?.metadata["proxy"]]
    }

    @Test func `a trusted proxy's header names the client, a stranger's does not`() async throws {
        let fields = ["Forwarded: for=192.0.2.7", "X-Forwarded-For: 192.0.2.8"]
        let believing = try await World(proxies: try Self.proxies(["127.0.0.1"], .forwarded))
        #expect(try await believing.get("/acme/default/directory", fields).status == 200)
        #expect(Self.logged(believing, "directory") == ["192.0.2.7", "127.0.0.1"])
        #expect(try await believing.get("/acme/default/directory").status == 200)
        #expect(Self.logged(believing, "directory") == ["127.0.0.1", nil])
        try await believing.stop()
        let other = try await World(proxies: try Self.proxies(["192.0.2.1"], .forwarded))
        #expect(try await other.get("/acme/default/directory", fields).status == 200)
        #expect(Self.logged(other, "directory") == ["127.0.0.1", nil])
        try await other.stop()
    }

    @Test(arguments: ["PROXY TCP4 192.0.2.7 127.0.0.1 5 443\r\n", "PROXY TCP6 2001:db8::7 ::1 5 443\r\n"])
    func `the PROXY protocol stands before TLS and names the client`(_ header: String) async throws {
        let world = try await World(proxies: try Self.proxies(protocol: true))
        let client = try await WireClient(port: world.port, greeting: header)
        try await client.send(Wire(method: "GET", "/acme/default/directory").bytes)
        #expect(try await client.answer().status == 200)
        let address = header.split(separator: " ")[2]
        #expect(Self.logged(world, "directory") == [String(address), "127.0.0.1"])
        await client.close()
        // In one packet with the first bytes behind it, or in pieces, as the network likes.
        let plain = try await WireClient(port: world.httpPort, tls: false)
        try await plain.send(header + "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try await plain.answer().status == 200)
        await plain.close()
        let pieces = try await WireClient(port: world.httpPort, tls: false)
        for byte in header.utf8 { try await pieces.send([byte]) }
        try await pieces.send(Wire(method: "GET", "/healthz").bytes)
        #expect(try await pieces.answer().status == 200)
        await pieces.close()
        try await world.stop()
    }

    @Test(arguments: [true, false])
    func `a trusted proxy is no reason to believe a stranger's trace`(speaksProxyProtocol: Bool) async throws {
        let tracer = InMemoryTracer()
        let world = try await World(
            proxies: try Self.proxies(["127.0.0.1"], .forwarded, protocol: speaksProxyProtocol),
            tracing: RequestTracing(tracer, trusts: { $0 == "192.0.2.9" }))
        func ask(for client: String) async throws {
            let wire = try await WireClient(
                port: world.port, greeting: speaksProxyProtocol ? "PROXY TCP4 \(client) 127.0.0.1 5 443\r\n" : "")
            let fields = ["\(InMemoryTracer.traceIDKey): theirs", "\(InMemoryTracer.spanIDKey): above"]
            let named = speaksProxyProtocol ? [] : ["Forwarded: for=\(client)"]
            try await wire.send(Wire(method: "GET", "/healthz", headers: ["Host: ca.test"] + fields + named).bytes)
            #expect(try await wire.answer().status == 200)
            await wire.close()
        }
        try await ask(for: "192.0.2.7")
        try await ask(for: "192.0.2.9")
        try await world.stop()
        let traces = tracer.finishedSpans.map(\.traceID)
        #expect(traces.count == 2 && traces.first != "theirs" && traces.last == "theirs", "\(traces)")
    }

    @Test func `a trusted proxy that does not speak the PROXY protocol is hung up on, and nobody else may speak it`() async throws
    {
        let strict = try await World(proxies: try Self.proxies(protocol: true))
        let silent = try await WireClient(port: strict.httpPort, tls: false)
        try await silent.send(Wire(method: "GET", "/healthz").bytes)
        #expect(await silent.isClosed())
        try await strict.stop()
        let other = try await World(proxies: try Self.proxies(["192.0.2.1"], protocol: true))
        let stranger = try await WireClient(port: other.httpPort, tls: false)
        try await stranger.send("PROXY TCP4 192.0.2.7 127.0.0.1 5 443\r\n" + "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try await stranger.answer().status == 400)
        #expect(try await other.getPlain("/healthz").status == 200)
        try await other.stop()
    }

    @Test func `the plain listener serves trusted proxies with everything, under the external URL, whatever Host they send`()
        async throws
    {
        let world = try await World(proxies: try Self.proxies(["127.0.0.1"], .xForwardedFor), isPlain: true)
        let fields = ["Host: evil.test", "X-Forwarded-Host: evil.test", "X-Forwarded-Proto: http", "X-Forwarded-For: 192.0.2.7"]
        let client = try await WireClient(port: world.plainPort, tls: false)
        try await client.send(Wire(method: "GET", "/acme/default/directory", headers: fields).bytes)
        let directory = try await client.answer()
        #expect(directory.json?["newOrder"]?.string == World.acme + "/new-order")
        #expect(Self.logged(world, "directory") == ["192.0.2.7", "127.0.0.1"])
        let holder = try await world.holder()
        var wire = Wire("/acme/default/new-order", holder.forge(World.acme + "/new-order", HostileWorld.good).body)
        wire.headers += fields.dropFirst()
        try await client.send(wire.bytes)
        let order = try await client.answer()
        #expect(order.status == 201)
        #expect(order["Location"]?.hasPrefix(World.acme + "/order/") == true)
        await client.close()
        try await world.stop()
    }

    @Test func `the plain listener refuses whoever is no trusted proxy`() async throws {
        let world = try await World(proxies: try Self.proxies(["192.0.2.1"]), isPlain: true)
        let client = try await WireClient(port: world.plainPort, tls: false)
        try await client.send(Wire(method: "GET", "/acme/default/directory").bytes)
        let answer = try await client.answer()
        #expect(answer.status == 403)
        #expect(answer.problem == "unauthorized")
        await client.close()
        try await world.stop()
    }

    @Test func `no address has more connections than it may; trusted proxies are not counted, their clients are`() async throws {
        func isRefused(_ world: World, _ greeting: String = "") async throws -> Bool {
            let client = try await WireClient(port: world.httpPort, tls: false)
            try? await client.send(greeting + "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            guard let answer = try? await client.answer() else { return true }
            return answer.status != 200
        }
        let direct = try await World(maximumPerAddress: 2)
        #expect(try await !isRefused(direct))
        #expect(try await !isRefused(direct))
        #expect(try await isRefused(direct))
        try await direct.stop()
        let behind = try await World(maximumPerAddress: 2, proxies: try Self.proxies())
        for _ in 0..<4 { #expect(try await !isRefused(behind)) }
        try await behind.stop()
        let named = try await World(maximumPerAddress: 2, proxies: try Self.proxies(protocol: true))
        let one = "PROXY TCP4 192.0.2.7 127.0.0.1 5 443\r\n"
        #expect(try await !isRefused(named, one))
        #expect(try await !isRefused(named, one))
        #expect(try await isRefused(named, one))
        #expect(try await !isRefused(named, "PROXY TCP4 192.0.2.8 127.0.0.1 5 443\r\n"))
        try await named.stop()
    }
}
