import ACME
import Authority
import Crypto
import Foundation
import PKIX
import Store
import Testing
import Web

/// What is not ACME: revocation lists, certificates, pages.
struct PageTests {
    @Test func `a revocation list is served on both listeners with what caches need`() async throws {
        let here = try await HostileWorld.shared.value
        let path = "/crl/\(here.world.authority.issuer.id).crl"
        let plain = try await here.world.getPlain(path)
        #expect(plain.status == 200)
        #expect(plain["Content-Type"] == "application/pkix-crl")
        #expect(try RevocationList(der: plain.body).entries.isEmpty)
        #expect(plain["Last-Modified"]?.hasSuffix(" GMT") == true)
        #expect(plain["Expires"]?.hasSuffix(" GMT") == true)
        #expect(plain["Cache-Control"] == "public, max-age=300")
        let tag = try #require(plain["ETag"])
        let tls = try await here.world.get(path)
        #expect(tls.body == plain.body)
        #expect(tls["ETag"] == tag)
        for match in [tag, "W/" + tag, "\"x\", \(tag)", "*"] {
            let same = try await here.world.get(path, ["If-None-Match: \(match)"])
            #expect(same.status == 304)
            #expect(same.body.isEmpty)
            #expect(same["ETag"] == tag)
        }
        #expect(try await here.world.get(path, ["If-None-Match: \"x\""]).status == 200)
        let head = try await here.world.getPlain(path, method: "HEAD")
        #expect(head.status == 200)
        #expect(head["Content-Length"] == String(plain.body.count))
        #expect(try await here.world.getPlain("/crl/00.crl").status == 404)
    }

    @Test func `issuer and root are served where certificates point`() async throws {
        let here = try await HostileWorld.shared.value
        let issuer = here.world.authority.issuer
        let served = try await here.world.getPlain("/issuer/\(issuer.id).cer")
        #expect(served["Content-Type"] == "application/pkix-cert")
        #expect(served.body == issuer.certificate.der)
        #expect(try await here.world.getPlain("/root.cer").body == issuer.root.der)
        let pem = try await here.world.get("/root.pem")
        #expect(try PEM.decode(pem.text).map(\.bytes) == [issuer.root.der])
        #expect(try await here.world.getPlain("/root.pem").body == pem.body)
    }

    @Test(arguments: ["/acme/default/directory", "/acme/default/new-nonce", "/acme/default/new-order"])
    func `S-6.1-1 plain HTTP serves no ACME`(_ path: String) async throws {
        let here = try await HostileWorld.shared.value
        for method in ["GET", "POST", "HEAD"] {
            let answer = try await here.world.getPlain(path, method: method)
            #expect(answer.status == 404)
            #expect(answer["Replay-Nonce"] == nil)
        }
    }

    @Test func `the page for people names the root and the directory, and runs nothing`() async throws {
        let here = try await HostileWorld.shared.value
        let page = try await here.world.get("/")
        #expect(page["Content-Type"] == "text/html; charset=utf-8")
        #expect(page["Content-Security-Policy"]?.hasPrefix("default-src 'none';") == true)
        #expect(page.text.contains("Test &lt;CA&gt;"))
        #expect(!page.text.contains("<CA>"))
        #expect(!page.text.contains("<script"))
        #expect(page.text.contains(World.acme + "/directory"))
        let digest = here.world.authority.issuer.root.der
        #expect(page.text.contains(fingerprint(digest)))
        for line in ["REQUESTS_CA_BUNDLE=", "LEGO_CA_CERTIFICATES=", "--ca-root"] { #expect(page.text.contains(line)) }
    }

    @Test(arguments: ["GET", "HEAD"])
    func `an unknown path is a problem, too`(_ method: String) async throws {
        let here = try await HostileWorld.shared.value
        let answer = try await here.world.get("/nowhere", method: method)
        #expect(answer.status == 404)
        #expect(answer["Content-Type"] == "application/problem+json")
        if method == "GET" { #expect(answer.problem == "malformed") }
    }

    @Test func `a line is logged for each request, and what strangers write into it is escaped`() async throws {
        let world = try await World()
        let holder = try await world.holder()
        let order = try await holder.order("a.example")
        let agent = "evil\u{1B}]52;c;\u{7}\u{202E}"
        let answer = try await world.get("/nowhere/\u{202E}", ["User-Agent: \(agent)"])
        let lines = world.lines.all.filter { $0.message == "request" }.map(\.metadata)
        let line = try #require(lines.first { $0["route"] == "new-order" })
        #expect(line["status"] == "201")
        #expect(line["method"] == "POST")
        #expect(line["account"] == holder.id.text)
        #expect(line["order"] == order["Location"]?.split(separator: "/").last.map(String.init))
        #expect(line["peer"] == "127.0.0.1")
        #expect(line["request"] == order["X-Request-Id"])
        #expect(Int(line["us"] ?? "") != nil)
        if answer.status == 404 {
            let evil = try #require(lines.first { $0["request"] == answer["X-Request-Id"] })
            #expect(evil["agent"] == #"evil\u{1b}]52;c;\u{7}\u{202e}"#)
        }
        for text in world.lines.all.flatMap({ $0.metadata.values }) {
            #expect(text.utf8.allSatisfy { (0x20..<0x7F).contains($0) })
            #expect(!text.contains(holder.key.jwk.thumbprint))
        }
        try await world.stop()
    }

    private func fingerprint(_ der: [UInt8]) -> String {
        SHA256.hash(data: der).map { String(format: "%02X", $0) }.joined(separator: ":")
    }
}
