import DNS
import NIOCore
import NIOHTTP1
import Testing
import Validation

@testable import Web

/// RFC 7239 and `X-Forwarded-For`: whom a header names, and whose header counts. 10.0.0.0/8 and fd00::/8 are the trusted proxies.
struct ForwardedTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let lines: [String]
        /// `nil`: nobody that can be believed, so that the proxy itself stands for its client.
        let client: String?
        var testDescription: String { lines.joined(separator: " | ") }
        init(_ client: String?, _ lines: String...) { (self.client, self.lines) = (client, lines) }
    }

    static func proxies(_ field: TrustedProxies.Field) throws -> TrustedProxies {
        TrustedProxies(try ["10.0.0.0/8", "fd00::/8"].map { try AddressRange($0) }, field: field)
    }
    static let proxy = "10.0.0.1"

    static func client(_ lines: [String], _ name: String, _ field: TrustedProxies.Field, from peer: String = proxy) throws
        -> String
    {
        let headers = HTTPHeaders(lines.map { (name, $0) })
        let peer = try #require(IPAddress(peer))
        return try proxies(field).client(of: headers, from: peer).description
    }

    static let forwarded: [Case] = [
        // Nodes as RFC 7239 section 6 has them.
        Case("192.0.2.43", "for=192.0.2.43"), Case("192.0.2.43", "For=192.0.2.43"), Case("192.0.2.43", "FOR=192.0.2.43"),
        Case("192.0.2.43", "for=\"192.0.2.43\""), Case("192.0.2.43", "for=\"192.0.2.43:47011\""),
        Case("2001:db8:cafe::17", "for=\"[2001:db8:cafe::17]\""), Case("2001:db8:cafe::17", "for=\"[2001:db8:cafe::17]:4711\""),
        Case("2001:db8:cafe::17", "for=\"[2001:DB8:CAFE:0::17]\""), Case("192.0.2.43", "for=\"[::ffff:192.0.2.43]\""),
        Case("192.0.2.43", "for=\"192.0.2.43:_port\""), Case("192.0.2.43", "for=\"192.0.2.\\43\""),
        Case(nil, "for=2001:db8::1"), Case(nil, "for=\"2001:db8::1\""), Case(nil, "for=[2001:db8::1]"),
        Case(nil, "for=\"[192.0.2.1]\""),
        Case(nil, "for=192.0.2.43:80"), Case(nil, "for=\"192.0.2.43:\""), Case(nil, "for=\"192.0.2.43:123456\""),
        Case(nil, "for=\"192.0.2.43:8o\""), Case(nil, "for=\"[2001:db8::1\""), Case(nil, "for=\"[2001:db8::1]x\""),
        Case(nil, "for=192.0.2"), Case(nil, "for=192.0.2.256"), Case(nil, "for=192.0.2.043"), Case(nil, "for=0300.0.2.1"),
        Case(nil, "for=3221226027"), Case(nil, "for=\"fe80::1%eth0\""), Case(nil, "for=\"[fe80::1%eth0]\""),
        Case(nil, "for=example.com"),
        Case(nil, "for=\"\""), Case(nil, "for="), Case(nil, "for"), Case(nil, ""), Case(nil, ","), Case(nil, ";"),
        // A proxy that does not tell.
        Case(nil, "for=unknown"), Case(nil, "for=UNKNOWN"), Case(nil, "for=\"unknown:80\""), Case(nil, "for=_hidden"),
        Case(nil, "for=\"_SEVKISEK\""), Case(nil, "for=\"_gazonk:_p\""), Case(nil, "for=_"), Case(nil, "by=203.0.113.43"),
        Case(nil, "proto=https"),
        // Further parameters.
        Case("192.0.2.60", "for=192.0.2.60;proto=http;by=203.0.113.43"), Case("192.0.2.60", "proto=http;for=192.0.2.60"),
        Case("192.0.2.60", "for=192.0.2.60;host=\"a, b; for=6.6.6.6\""), Case("192.0.2.60", "for=192.0.2.60;secret=\"\\\"\""),
        Case("192.0.2.60", "for=192.0.2.60;x=\"\\\\\""),
        Case(nil, "for=192.0.2.60;for=192.0.2.61"), Case(nil, "for=192.0.2.60;FOR=192.0.2.61"),
        Case(nil, "for=192.0.2.60; proto=http"),
        Case(nil, "for=192.0.2.60 ;proto=http"), Case(nil, "for = 192.0.2.60"), Case(nil, "for= 192.0.2.60"),
        Case("192.0.2.60", "for=192.0.2.60;"),
        Case("192.0.2.60", ";for=192.0.2.60"), Case("192.0.2.60", "for=192.0.2.60;;proto=http"),
        Case(nil, "for=192.0.2.60 proto=http"),
        Case(nil, "for=192.0.2.60;proto"), Case(nil, "for=192.0.2.60;=x"), Case(nil, "for=192.0.2.60;a@b=x"),
        Case(nil, "for=\"192.0.2.60\"x"),
        Case(nil, "for=\"192.0.2.60"), Case(nil, "for=192.0.2.60\""), Case(nil, "\"for=192.0.2.60\""),
        Case(nil, "for='192.0.2.60'"),
        // Chains: the last address that is no trusted proxy.
        Case("192.0.2.2", "for=192.0.2.1, for=192.0.2.2"), Case("192.0.2.2", "for=192.0.2.1,for=192.0.2.2"),
        Case("192.0.2.2", "for=192.0.2.1 ,\tfor=192.0.2.2 "), Case("192.0.2.1", "for=192.0.2.1, for=10.0.0.2"),
        Case("192.0.2.1", "for=192.0.2.1, for=10.0.0.3, for=10.0.0.2"), Case("192.0.2.1", "for=192.0.2.1, for=\"[fd00::2]:80\""),
        Case("10.0.0.3", "for=10.0.0.3, for=10.0.0.2"), Case("10.0.0.2", "for=unknown, for=10.0.0.2"),
        Case("10.0.0.2", "for=what?, for=10.0.0.2"),
        Case("192.0.2.1", "for=192.0.2.1, , for=10.0.0.2,"), Case("192.0.2.2", "for=192.0.2.1", "for=192.0.2.2"),
        Case("192.0.2.1", "for=192.0.2.1", "for=10.0.0.2"), Case("192.0.2.3", "for=192.0.2.1, for=192.0.2.2", "for=192.0.2.3"),
        // What a client writes before the proxy's own part hides nothing.
        Case("192.0.2.9", "for=\"6.6.6.6, for=192.0.2.9"), Case("192.0.2.9", "for=\"\\, for=192.0.2.9"),
        Case("192.0.2.9", "garbage;;\"\",, for=192.0.2.9"),
        Case("192.0.2.9", "for=10.0.0.9, for=192.0.2.9"), Case("192.0.2.9", "\", for=192.0.2.9"),
        Case("192.0.2.9", "for=\"", "for=192.0.2.9"),
        Case("192.0.2.9", "for=1.1.1.1;x=\", for=192.0.2.9;y=\"z\""),
        Case("192.0.2.9", String(repeating: "for=10.0.0.9, ", count: 40) + "for=192.0.2.9"),
        Case("10.0.0.9", "for=6.6.6.6, " + Array(repeating: "for=10.0.0.9", count: 16).joined(separator: ", ")),
    ]

    @Test(arguments: forwarded)
    func `RFC 7239: the last address of Forwarded that is no trusted proxy is the client`(_ each: Case) throws {
        #expect(try Self.client(each.lines, "Forwarded", .forwarded) == each.client ?? Self.proxy)
    }

    static let xForwarded: [Case] = [
        Case("192.0.2.43", "192.0.2.43"), Case("192.0.2.43", " 192.0.2.43\t"), Case("192.0.2.43", "192.0.2.43:47011"),
        Case("2001:db8::17", "2001:db8::17"), Case("2001:db8::17", "[2001:db8::17]"), Case("2001:db8::17", "[2001:db8::17]:443"),
        Case("192.0.2.43", "::ffff:192.0.2.43"), Case("192.0.2.2", "192.0.2.1, 192.0.2.2"),
        Case("192.0.2.2", "192.0.2.1,192.0.2.2"),
        Case("192.0.2.1", "192.0.2.1, 10.0.0.2"), Case("192.0.2.1", "192.0.2.1", "10.0.0.3, 10.0.0.2"),
        Case("192.0.2.1", "192.0.2.1, fd00::2"),
        Case("192.0.2.9", "6.6.6.6\", 192.0.2.9"), Case("192.0.2.9", "nonsense, 192.0.2.9"),
        Case("192.0.2.9", "10.0.0.4, 192.0.2.9"),
        Case("10.0.0.2", "unknown, 10.0.0.2"), Case(nil, "unknown"), Case(nil, "-"), Case(nil, ""), Case(nil, "192.0.2"),
        Case(nil, "192.0.2.1 192.0.2.2"),
        Case(nil, "192.0.2.1;192.0.2.2"), Case(nil, "for=192.0.2.1"), Case(nil, "\"192.0.2.1\""), Case(nil, "192.0.2.1:"),
        Case(nil, "192.0.2.1:_p"),
        Case(nil, "2001:db8::17:"), Case(nil, "[2001:db8::17]443"), Case(nil, "example.com"), Case(nil, "0x7f.1"),
    ]

    @Test(arguments: xForwarded)
    func `the last address of X-Forwarded-For that is no trusted proxy is the client`(_ each: Case) throws {
        #expect(try Self.client(each.lines, "X-Forwarded-For", .xForwardedFor) == each.client ?? Self.proxy)
    }

    @Test func `nobody else's header counts, and only the one that was chosen`() throws {
        for peer in ["192.0.2.99", "2001:db8::99", "11.0.0.1", "9.255.255.255"] {
            #expect(try Self.client(["for=192.0.2.1"], "Forwarded", .forwarded, from: peer) == peer)
            #expect(try Self.client(["192.0.2.1"], "X-Forwarded-For", .xForwardedFor, from: peer) == peer)
        }
        #expect(try Self.client(["192.0.2.1"], "X-Forwarded-For", .forwarded) == Self.proxy)
        #expect(try Self.client(["for=192.0.2.1"], "Forwarded", .xForwardedFor) == Self.proxy)
        #expect(try Self.client(["for=192.0.2.1"], "Forwarded", .none) == Self.proxy)
        #expect(try Self.client(["192.0.2.1"], "X-Real-IP", .xForwardedFor) == Self.proxy)
    }

    static let headers: [(name: String, bytes: [UInt8], reading: ProxyHeader.Reading)] = {
        func text(_ text: String) -> [UInt8] { Array(text.utf8) }
        let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
        let four: [UInt8] = [192, 0, 2, 1, 10, 0, 0, 1, 0xDC, 0x04, 0x01, 0xBB]
        let six: [UInt8] =
            [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1] + [UInt8](repeating: 0, count: 16) + [
                0xDC, 4, 1, 0xBB,
            ]
        let client4 = ProxyHeader.Reading.header(.client(IPAddress(v4: 0xC000_0201)))
        let client6 = ProxyHeader.Reading.header(.client(IPAddress(v6: 0x2001_0DB8 << 96 | 1)))
        return [
            ("v1 TCP4", text("PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n"), client4),
            ("v1 TCP6", text("PROXY TCP6 2001:db8::1 fd00::1 56324 443\r\n"), client6),
            ("v1 TCP6 with an IPv4 address in it", text("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 443\r\n"), client4),
            ("v1 UNKNOWN", text("PROXY UNKNOWN\r\n"), .header(.proxyItself)),
            ("v1 UNKNOWN with words", text("PROXY UNKNOWN ff:ff 1 2 3 4\r\n"), .header(.proxyItself)),
            ("v1 half", text("PROXY TCP4 192.0.2.1 10.0"), .incomplete), ("v1 a letter", text("P"), .incomplete),
            ("nothing", [], .incomplete),
            ("v1 107 bytes without an end", text("PROXY UNKNOWN " + String(repeating: "x", count: 100)), .wrong),
            ("v1 other case", text("proxy TCP4 192.0.2.1 10.0.0.1 1 2\r\n"), .wrong),
            ("v1 UDP4", text("PROXY UDP4 192.0.2.1 10.0.0.1 1 2\r\n"), .wrong),
            ("v1 two spaces", text("PROXY TCP4  192.0.2.1 10.0.0.1 1 2\r\n"), .wrong),
            ("v1 no port", text("PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n"), .wrong),
            ("v1 port 65536", text("PROXY TCP4 192.0.2.1 10.0.0.1 65536 2\r\n"), .wrong),
            ("v1 port 01", text("PROXY TCP4 192.0.2.1 10.0.0.1 01 2\r\n"), .wrong),
            ("v1 the other family", text("PROXY TCP4 2001:db8::1 fd00::1 1 2\r\n"), .wrong),
            ("v1 mixed", text("PROXY TCP4 192.0.2.1 ::1 1 2\r\n"), .wrong),
            ("v1 a word more", text("PROXY TCP4 192.0.2.1 10.0.0.1 1 2 3\r\n"), .wrong),
            ("v1 bare line feed", text("PROXY TCP4 192.0.2.1 10.0.0.1 1 2\n"), .wrong),
            ("v1 a name", text("PROXY TCP4 example.com 10.0.0.1 1 2\r\n"), .wrong), ("HTTP", text("GET / HTTP/1.1\r\n"), .wrong),
            ("TLS", [0x16, 3, 1, 2, 0, 1], .wrong),
            ("v2 TCP4", signature + [0x21, 0x11, 0, 12] + four, client4),
            ("v2 TCP6", signature + [0x21, 0x21, 0, 36] + six, client6),
            ("v2 with extensions", signature + [0x21, 0x11, 0, 19] + four + [0x03, 0, 4, 1, 2, 3, 4], client4),
            ("v2 LOCAL", signature + [0x20, 0x00, 0, 0], .header(.proxyItself)),
            ("v2 LOCAL with addresses", signature + [0x20, 0x11, 0, 12] + four, .header(.proxyItself)),
            ("v2 no family", signature + [0x21, 0x00, 0, 0], .header(.proxyItself)),
            ("v2 half a signature", Array(signature.prefix(7)), .incomplete),
            ("v2 half an address", signature + [0x21, 0x11, 0, 12, 192], .incomplete),
            ("v2 a length that is too short", signature + [0x21, 0x11, 0, 8] + four.prefix(8), .wrong),
            ("v2 a length beyond reason", signature + [0x21, 0x11, 0xFF, 0xFF] + four, .wrong),
            ("v2 version 1", signature + [0x11, 0x11, 0, 12] + four, .wrong),
            ("v2 command 2", signature + [0x22, 0x11, 0, 12] + four, .wrong),
            ("v2 UDP4", signature + [0x21, 0x12, 0, 12] + four, .wrong),
            ("v2 a Unix socket", signature + [0x21, 0x31, 0, 216] + [UInt8](repeating: 0, count: 216), .wrong),
            ("v2 a damaged signature", Array(signature.prefix(11)) + [0x0B, 0x21, 0x11, 0, 12] + four, .wrong),
        ]
    }()

    @Test(arguments: headers)
    func `a header of the PROXY protocol is read strictly, and what follows it is left`(
        _ each: (name: String, bytes: [UInt8], reading: ProxyHeader.Reading)
    ) {
        var buffer = ByteBuffer(bytes: each.bytes)
        #expect(ProxyHeader.read(&buffer) == each.reading)
        guard case .header = each.reading else { return }
        #expect(buffer.readableBytes == 0)
        buffer = ByteBuffer(bytes: each.bytes + [0x16, 0x03])
        #expect(ProxyHeader.read(&buffer) == each.reading)
        #expect(Array(buffer: buffer) == [0x16, 0x03])
        // Whatever is cut off is waited for, or refused at once, but never taken.
        for length in each.bytes.indices {
            var part = ByteBuffer(bytes: each.bytes.prefix(length))
            #expect(ProxyHeader.read(&part) == .incomplete)
        }
    }
}
