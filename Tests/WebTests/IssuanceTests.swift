import ACME
import Authority
import Foundation
import PKIX
import Store
import Testing
import Validation

/// From a new account to a revoked certificate, over HTTP alone.
struct IssuanceTests {
    static func csr(_ names: [String]) throws -> String {
        Base64URL.encode(try CertificateRequest.make(names: names, key: try CertificateKey(.p256)))
    }

    /// Answers a challenge and asks until the order has left `pending`; the made-up target answers at once, the worker is a task.
    static func prove(_ holder: Holder, _ order: WireClient.Answer) async throws {
        for authorization in order.json?["authorizations"]?.array?.compactMap(\.string) ?? [] {
            let view = try await holder.post(authorization, "")
            let challenge = view.json?["challenges"]?.array?.first?["url"]?.string ?? ""
            let answer = try await holder.post(challenge, "{}")
            #expect(answer.status == 200)
            #expect(answer.all("Link").contains("<\(authorization)>;rel=\"up\""))
        }
        let url = order["Location"] ?? ""
        while try await holder.post(url, "").json?["status"]?.string == "pending" { await Task.yield() }
    }

    static func issue(_ holder: Holder, _ names: String...) async throws -> (order: WireClient.Answer, key: CertificateKey) {
        let identifiers = names.map { #"{"type":"dns","value":"\#($0)"}"# }.joined(separator: ",")
        let order = try await holder.post(World.acme + "/new-order", #"{"identifiers":[\#(identifiers)]}"#)
        try await prove(holder, order)
        let key = try CertificateKey(.p256)
        let csr = Base64URL.encode(try CertificateRequest.make(names: names, key: key))
        return (try await holder.post(order.json?["finalize"]?.string ?? "", #"{"csr":"\#(csr)"}"#), key)
    }

    @Test func `an order becomes a certificate that is listed, downloaded and revoked`() async throws {
        let world = try await World()
        let holder = try await world.holder()

        let order = try await holder.order("www.example", "*.example")
        #expect(order.status == 201)
        #expect(order.json?["status"]?.string == "pending")
        let url = try #require(order["Location"])
        #expect(order.json?["finalize"]?.string == url + "/finalize")
        try await Self.prove(holder, order)
        let ready = try await holder.post(url, "")
        #expect(ready.json?["status"]?.string == "ready")
        #expect(ready["Location"] == url)

        let key = try CertificateKey(.p256)
        let csr = Base64URL.encode(try CertificateRequest.make(names: ["www.example", "*.example"], key: key))
        let finalized = try await holder.post(url + "/finalize", #"{"csr":"\#(csr)"}"#)
        #expect(finalized.status == 200)
        #expect(finalized.json?["status"]?.string == "valid")
        #expect(finalized["Location"] == url)
        #expect(finalized.json?["identifiers"] == order.json?["identifiers"])
        #expect(finalized.json?["authorizations"] == order.json?["authorizations"])
        let certificate = try #require(finalized.json?["certificate"]?.string)

        let download = try await holder.post(certificate, "")
        #expect(download["Content-Type"] == "application/pem-certificate-chain")
        let blocks = try PEM.decode(download.text)
        #expect(blocks.map(\.label) == ["CERTIFICATE", "CERTIFICATE"])
        let leaf = try Certificate509(der: blocks[0].bytes)
        let issuer = try Certificate509(der: blocks[1].bytes)
        #expect(leaf.isSigned(by: issuer))
        #expect(leaf.publicKey == key.publicKey.der)

        let der = try await holder.post(certificate, "", headers: ["Accept: application/pkix-cert"])
        #expect(der["Content-Type"] == "application/pkix-cert")
        #expect(der.body == leaf.der)
        #expect(der.all("Link").contains { $0.hasSuffix(";rel=\"up\"") && $0.contains("/issuer/") })

        let list = try await holder.post(holder.kid + "/orders", "")
        #expect(list.json?["orders"]?.array?.compactMap(\.string) == [url])

        let revocation = #"{"certificate":"\#(Base64URL.encode(leaf.der))","reason":4}"#
        for (payload, status, type) in [
            (revocation.replacingOccurrences(of: ":4", with: ":2"), 400, "badRevocationReason"),
            (revocation.replacingOccurrences(of: ":4", with: #":"1""#), 400, "badRevocationReason"),
        ] {
            let answer = try await holder.post(World.acme + "/revoke-cert", payload)
            #expect(answer.status == status)
            #expect(answer.problem == type)
        }
        let other = try await world.holder()
        #expect(try await other.post(World.acme + "/revoke-cert", revocation).problem == "unauthorized")
        let revoked = try await holder.post(World.acme + "/revoke-cert", revocation)
        #expect(revoked.status == 200)
        #expect(revoked.body.isEmpty)
        #expect(try await holder.post(World.acme + "/revoke-cert", revocation).problem == "alreadyRevoked")
        try await world.authority.publisher.publish()
        let crl = try await world.getPlain("/crl/\(world.authority.issuer.id).crl")
        #expect(try RevocationList(der: crl.body).entries.map(\.serial) == [leaf.serial])
        try await world.stop()
    }

    @Test func `S-7.6-6 the certificate's own key revokes it without an account`() async throws {
        let world = try await World()
        let holder = try await world.holder()
        let (order, key) = try await Self.issue(holder, "a.example")
        let chain = try await holder.post(order.json?["certificate"]?.string ?? "", "")
        let leaf = try #require(try PEM.decode(chain.text).first)
        let own = try SigningKey(pem: key.pem)
        let forge = Forge(
            own, nonce: world.nonces.issue(), url: World.acme + "/revoke-cert",
            payload: #"{"certificate":"\#(Base64URL.encode(leaf.bytes))"}"#)
        let answer = try await world.ask(Wire("/acme/default/revoke-cert", forge.body))
        #expect(answer.status == 200)
        try await world.stop()
    }

    @Test func `S-7.4-11 a finished order finalized again with the same request is shown again`() async throws {
        let world = try await World()
        let holder = try await world.holder()
        let order = try await holder.order("a.example")
        try await Self.prove(holder, order)
        let finalize = order.json?["finalize"]?.string ?? ""
        let payload = #"{"csr":"\#(try Self.csr(["a.example"]))"}"#
        let answers = try await withThrowingTaskGroup(of: WireClient.Answer.self) { group in
            for _ in 0..<20 { group.addTask { try await holder.post(finalize, payload) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for answer in answers where answer.status != 200 { Issue.record("\(answer.status) \(answer.text)") }
        let urls = Set(answers.compactMap { $0.json?["certificate"]?.string })
        #expect(urls.count == 1)
        #expect(try await world.store.counts().certificates == 1)
        try await world.stop()
    }

    @Test func `S-7.4-8 S-7.4-9 badCSR leaves the order ready`() async throws {
        let world = try await World()
        let holder = try await world.holder()
        let order = try await holder.order("a.example")
        try await Self.prove(holder, order)
        let finalize = order.json?["finalize"]?.string ?? ""
        for names in [["b.example"], ["a.example", "b.example"]] {
            let answer = try await holder.post(finalize, #"{"csr":"\#(try Self.csr(names))"}"#)
            #expect(answer.status == 400)
            #expect(answer.problem == "badCSR")
        }
        #expect(try await holder.post(order["Location"] ?? "", "").json?["status"]?.string == "ready")
        #expect(try await holder.post(finalize, #"{"csr":"\#(try Self.csr(["a.example"]))"}"#).json?["status"]?.string == "valid")
        try await world.stop()
    }

    @Test func `a failed challenge tells why, and makes the order invalid with the same reason`() async throws {
        let world = try await World(verdict: { _ in .failure(Problem(.incorrectResponse, 403, "Not the key authorization.")) })
        let holder = try await world.holder()
        let order = try await holder.order("a.example")
        try await Self.prove(holder, order)
        let failed = try await holder.post(order["Location"] ?? "", "")
        #expect(failed.json?["status"]?.string == "invalid")
        #expect(failed.json?["error"]?["detail"]?.string == "Not the key authorization.")
        let authorization = try await holder.post(order.json?["authorizations"]?.array?.first?.string ?? "", "")
        #expect(authorization.json?["status"]?.string == "invalid")
        let challenges = authorization.json?["challenges"]?.array ?? []
        #expect(challenges.count == 1)
        #expect(challenges.first?["error"]?["type"]?.string == "urn:ietf:params:acme:error:incorrectResponse")
        let queries = challenges.first?["error"]?["subproblems"]?.array?.compactMap { $0["detail"]?.string } ?? []
        #expect(!queries.isEmpty && queries == queries.indices.map { "Query \($0 + 1): the same." }, "S-8.2-3, and said once")
        let finalize = try await holder.post(order.json?["finalize"]?.string ?? "", #"{"csr":"\#(try Self.csr(["a.example"]))"}"#)
        #expect(finalize.status == 403)
        #expect(finalize.problem == "orderNotReady")
        try await world.stop()
    }

    @Test(arguments: ["{}", #"{"x":1}"#, #"{"resource":"challenge","type":"http-01","keyAuthorization":"a.b","token":"a"}"#])
    func `S-7.5.1-1 whatever is in the response object, it is a response`(_ payload: String) async throws {
        let world = try await World()
        let holder = try await world.holder()
        let order = try await holder.order("a.example")
        let authorization = order.json?["authorizations"]?.array?.first?.string ?? ""
        let challenges = try await holder.post(authorization, "").json?["challenges"]?.array ?? []
        #expect(challenges.compactMap { $0["type"]?.string } == ["http-01", "dns-01", "tls-alpn-01"])
        #expect(challenges.allSatisfy { isToken($0["token"]?.string ?? "") && $0["status"]?.string == "pending" })
        let url = challenges.first?["url"]?.string ?? ""
        #expect(try await holder.post(url, "").json?["status"]?.string == "pending", "S-6.3-3 a view starts nothing")
        let answer = try await holder.post(url, payload)
        #expect(answer.status == 200)
        #expect(answer.json?["url"]?.string == url)
        while try await holder.post(url, "").json?["status"]?.string == "processing" { await Task.yield() }
        #expect(try await holder.post(url, "").json?["status"]?.string == "valid")
        #expect(try await holder.post(order["Location"] ?? "", "").json?["status"]?.string == "ready")
        try await world.stop()
    }

    @Test func `S-7.4.2-2 every alternate chain begins with the same leaf, and each names the others`() async throws {
        let world = try await World(alternates: [1, 7])
        let holder = try await world.holder()
        let url = try #require(try await Self.issue(holder, "a.example").order.json?["certificate"]?.string)
        let all = [url, url + "/1", url + "/7"]
        var leaves: Set<String> = []
        var chains: Set<String> = []
        for one in all {
            let answer = try await holder.post(one, "")
            #expect(answer.status == 200)
            let links = answer.all("Link").filter { $0.hasSuffix("rel=\"alternate\"") }
            #expect(links == all.filter { $0 != one }.map { "<\($0)>;rel=\"alternate\"" })
            chains.insert(answer.text)
            leaves.insert(String(answer.text.prefix(upTo: try #require(answer.text.firstRange(of: "-----END")).lowerBound)))
        }
        #expect(leaves.count == 1 && chains.count == 3)
        #expect(try await holder.post(url + "/2", "").status == 404)
        #expect(try await world.get("/acme/default/certificate/x/1").status == 404)
        #expect(try await world.get(String(all[1].dropFirst(World.external.count))).status == 405, "only by POST-as-GET")
        #expect(try await world.holder().post(all[1], "").status == 403)
        try await world.stop()
    }

    @Test func `S-8.2-4 Retry-After lies behind the next query of a challenge`() async throws {
        let world = try await World(
            delays: [.seconds(600), .seconds(1200)], verdict: { _ in .failure(Problem(.connection, 400, "Nobody answers.")) })
        let holder = try await world.holder()
        let order = try await holder.order("a.example")
        let authorization = order.json?["authorizations"]?.array?.first?.string ?? ""
        let url = try await holder.post(authorization, "").json?["challenges"]?.array?.first?["url"]?.string ?? ""
        func failures(_ count: Int) async throws -> WireClient.Answer {
            while true {
                let answer = try await holder.post(url, "")
                if answer.json?["error"]?["subproblems"]?.array?.count == count { return answer }
                await Task.yield()
            }
        }
        _ = try await holder.post(url, "{}")
        for (count, delay) in [(1, 600), (2, 1200)] {
            let seen = try await failures(count)
            #expect(seen.json?["status"]?.string == "processing")
            #expect(seen["Retry-After"] == "\(delay + 1)")
            #expect(try await holder.post(authorization, "")["Retry-After"] == "\(delay + 1)")
            // Said again, the client does not wait: the next query comes at once.
            _ = try await holder.post(url, "{}")
        }
        let over = try await failures(3)
        #expect(over.json?["status"]?.string == "invalid")
        #expect(over["Retry-After"] == nil)
        try await world.stop()
    }
}
