import ACME
import Foundation
import Testing

@testable import ACMEClient

/// Chains as a CA hands them out: whole, or one certificate with links to its issuers.
struct ChainTests {
    static let base = ScriptedCA.base

    private static func pem(_ bytes: UInt8...) -> String {
        bytes.map { "-----BEGIN CERTIFICATE-----\n\(Data([0x30, 1, $0]).base64EncodedString())\n-----END CERTIFICATE-----\n" }
            .joined()
    }

    private static func answer(_ text: String, up: String? = nil) -> WireAnswer {
        WireAnswer(status: 200, headers: up.map { [("Link", "<\($0)>;rel=\"up\"")] } ?? [], body: Array(text.utf8))
    }

    private func chain(_ script: @escaping ScriptedCA.Script) async throws -> (marks: [UInt8], asked: [String]) {
        let ca = ScriptedCA(script)
        let chain = try await ca.account().chains("\(Self.base)/cert").first
        return (chain?.certificates.compactMap(\.last) ?? [], ca.paths().filter { !$0.contains("nonce") && !$0.contains("/dir") })
    }

    @Test func `C-7.4.2-2 a certificate that comes alone is completed over its up links, absolute and relative`() async throws {
        let found = try await chain { _, path, _ in
            switch path {
            case "/cert": Self.answer(Self.pem(1), up: "\(Self.base)/issuer/2")
            case "/issuer/2": Self.answer(Self.pem(2), up: "/issuer/3")
            case "/issuer/3":
                WireAnswer(status: 200, headers: [("Content-Type", "application/pkix-cert")], body: [0x30, 1, 3])
            default: ScriptedCA.usual
            }
        }
        #expect(found.marks == [1, 2, 3])
        #expect(found.asked == ["POST /cert", "POST /issuer/2", "POST /issuer/3"])
    }

    @Test func `an issuer that is served to a plain GET alone is found`() async throws {
        let found = try await chain { request, path, _ in
            switch (path, request.method) {
            case ("/cert", _): Self.answer(Self.pem(1), up: "/issuer")
            case ("/issuer", "GET"): Self.answer(Self.pem(2))
            case ("/issuer", _): ScriptedCA.problem("malformed", 405)
            default: ScriptedCA.usual
            }
        }
        #expect(found.marks == [1, 2])
    }

    @Test func `a chain that is whole needs no up link`() async throws {
        let found = try await chain { _, path, _ in
            path == "/cert" ? Self.answer(Self.pem(1, 2), up: "/issuer") : ScriptedCA.usual
        }
        #expect(found.marks == [1, 2])
        #expect(found.asked == ["POST /cert"])
    }

    @Test func `up links that lead in a circle, on for ever, to http, or to a page leave what was found`() async throws {
        let circle = try await chain { _, path, _ in
            switch path {
            case "/cert": Self.answer(Self.pem(1), up: "/a")
            case "/a": Self.answer(Self.pem(2), up: "/b")
            case "/b": Self.answer(Self.pem(3), up: "/a")
            default: ScriptedCA.usual
            }
        }
        #expect(circle.marks == [1, 2, 3])
        let endless = try await chain { _, path, _ in
            if path == "/cert" { return Self.answer(Self.pem(0), up: "/1") }
            guard let number = UInt8(path.dropFirst()) else { return ScriptedCA.usual }
            return Self.answer(Self.pem(number), up: "/\(number + 1)")
        }
        #expect(endless.marks.count == 10)
        #expect(endless.asked.count < 15)
        for up in ["http://ca.test/issuer", "file:///etc/passwd", "https://ca.test/page"] {
            let cut = try await chain { _, path, _ in
                path == "/cert"
                    ? Self.answer(Self.pem(1), up: up) : path == "/page" ? Self.answer("<html>") : ScriptedCA.usual
            }
            #expect(cut.marks == [1], "\(up)")
        }
    }

    @Test func `alternates are fetched only as far as they are wanted`() async throws {
        let ca = ScriptedCA { _, path, _ in
            path == "/cert"
                ? WireAnswer(
                    status: 200, headers: [("Link", "</alt/1>;rel=alternate, </alt/2>;rel=alternate")],
                    body: Array(Self.pem(1, 2).utf8))
                : path.hasPrefix("/alt") ? Self.answer(Self.pem(1, 3)) : ScriptedCA.usual
        }
        #expect(try await ca.account().chains("\(Self.base)/cert", alternates: 0).count == 1)
        #expect(!ca.paths().contains { $0.contains("/alt") })
        #expect(try await ca.account().chains("\(Self.base)/cert", alternates: 1).count == 2)
    }

    @Test func `an authorization is polled after Retry-After, else with pauses that grow to 15 seconds`() async throws {
        @Sendable func authorization(_ status: String) -> String {
            #"{"status":"\#(status)","identifier":{"type":"dns","value":"a.test"},"challenges":[]}"#
        }
        let ca = ScriptedCA { _, path, count in
            path == "/a/1"
                ? ScriptedCA.json(
                    authorization(count < 12 ? "pending" : "valid"), 200, count == 3 ? [("Retry-After", "40")] : [])
                : ScriptedCA.usual
        }
        #expect(try await ca.account().settledAuthorization("\(Self.base)/a/1").status == .valid)
        #expect(ca.slept.count == 12 && ca.slept[3] == 40 && ca.slept.first == 1 && ca.slept.last == 15)
        let grown = ca.slept.enumerated().filter { $0.offset != 3 }.map(\.element)
        #expect(grown == grown.sorted())
    }
}
