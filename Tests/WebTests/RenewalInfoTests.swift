import ACME
import Authority
import Foundation
import PKIX
import Store
import Testing

/// RFC 9773 over HTTP.
struct RenewalInfoTests {
    private static let path = "/acme/default/renewal-info"

    /// The identifier of a certificate just issued, as a client makes it from the PEM.
    private func issued(_ holder: Holder, _ name: String) async throws -> String {
        let url = try #require(try await IssuanceTests.issue(holder, name).order.json?["certificate"]?.string)
        let block = try #require(try PEM.decode(try await holder.post(url, "").text, maximum: 1 << 16).first)
        let leaf = try Certificate509(der: block.bytes)
        return try CertificateIdentifier(keyIdentifier: try #require(leaf.authorityKeyIdentifier), serial: leaf.serial).text
    }

    @Test func `S9773-3-1 S9773-4.1-1 anybody finds the window where the directory says`() async throws {
        let world = try await World()
        let base = try #require(try await world.get("/acme/default/directory").json?["renewalInfo"]?.string)
        #expect(base == World.external + Self.path)
        let certificate = try await issued(try await world.holder(), "a.example")
        let answer = try await world.get("\(Self.path)/\(certificate)")
        #expect(answer.status == 200)
        #expect(answer["Content-Type"] == "application/json")
        #expect(answer["Cache-Control"] == "public, max-age=300")
        #expect(answer["Retry-After"] == "21600")
        #expect(answer["Replay-Nonce"] == nil)
        #expect(answer["Access-Control-Allow-Origin"] == "*")
        let info = try JSONDecoder.acme.decode(RenewalInfo.self, strictly: answer.body)
        #expect(info.suggestedWindow.start < info.suggestedWindow.end && info.suggestedWindow.start > Date())
        let head = try await world.get("\(Self.path)/\(certificate)", method: "HEAD")
        #expect(head.status == 200 && head.body.isEmpty)
        try await world.stop()
    }

    @Test func `S9773-4.1-1 what names no certificate of this authority is refused by its kind`() async throws {
        let world = try await World()
        let holder = try await world.holder()
        let known = try await issued(holder, "a.example")
        for (path, status) in [
            ("\(Self.path)/AA.AA", 404), ("\(Self.path)/\(known)=", 400),
            ("\(Self.path)/\(known.replacing(".", with: "%2E"))", 400),
            ("\(Self.path)/", 400), ("\(Self.path)/x", 400), (Self.path, 404), ("\(Self.path)/\(known)/x", 404),
            ("\(Self.path)/" + String(repeating: "A", count: 1500), 400),
        ] {
            let answer = try await world.get(path)
            #expect(answer.status == status, "\(path)")
            #expect(answer.problem == "malformed")
        }
        let posted = try await holder.post(World.external + "\(Self.path)/\(known)", "")
        #expect(posted.status == 405 && posted["Allow"] == "GET, HEAD, OPTIONS")
        #expect(try await world.getPlain("\(Self.path)/\(known)").status == 404, "HTTPS only")
        try await world.stop()
    }

    @Test func `S9773-5-2 S9773-5-3 an order shows what it replaces, and a second one is refused`() async throws {
        let world = try await World()
        let holder = try await world.holder()
        let old = try await issued(holder, "a.example")
        func order(_ replaces: String) async throws -> WireClient.Answer {
            try await holder.post(
                World.acme + "/new-order", #"{"identifiers":[{"type":"dns","value":"a.example"}],"replaces":\#(replaces)}"#)
        }
        for bad in ["7", "[]", quote("x"), quote(old + ".")] {
            let answer = try await order(bad)
            #expect(answer.status == 400 && answer.problem == "malformed")
        }
        let first = try await order(quote(old))
        #expect(first.status == 201 && first.json?["replaces"]?.string == old)
        #expect(try await holder.post(first["Location"] ?? "", "").json?["replaces"]?.string == old)
        let second = try await order(quote(old))
        #expect(second.status == 409 && second.problem == "alreadyReplaced")
        #expect(second.all("Replay-Nonce").count == 1)
        try await IssuanceTests.prove(holder, first)
        let done = try await holder.post(
            first.json?["finalize"]?.string ?? "", #"{"csr":"\#(try IssuanceTests.csr(["a.example"]))"}"#)
        #expect(done.json?["status"]?.string == "valid" && done.json?["replaces"]?.string == old)
        #expect(try await order("null").json?["replaces"] == nil)
        try await world.stop()
    }
}
