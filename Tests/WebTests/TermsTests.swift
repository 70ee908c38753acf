import ACME
import Authority
import Foundation
import Store
import Testing

/// RFC 8555 section 7.3.3: terms of service that changed after an account agreed.
struct TermsTests {
    private let terms = "https://ca.test/terms?v=2&x"

    /// An account that agreed to what is no longer asked for.
    private func holder(_ world: World) async throws -> Holder {
        let key = SigningKey(.p256)
        let account = StoredAccount(
            id: RecordID(at: Date(), random: 7), key: key.jwk, contacts: [], agreedTerms: "https://ca.test/terms?v=1",
            created: Date())
        _ = try await world.store.createAccount(account)
        return Holder(world: world, key: key, kid: World.acme + "/account/" + account.id.text)
    }

    @Test func `S-7.3-7 the terms that must be agreed to stand in the directory`() async throws {
        let world = try await World(terms: terms)
        #expect(try await world.get("/acme/default/directory").json?["meta"]?["termsOfService"]?.string == terms)
        try await world.stop()
    }

    @Test func `S-7.3.3-1 S-7.3.3-2 changed terms are agreed to on a page, and the same request works`() async throws {
        let world = try await World(terms: terms)
        let holder = try await holder(world)
        let refused = try await holder.order("a.example")
        #expect(refused.status == 403)
        #expect(refused.problem == "userActionRequired")
        #expect(refused.all("Link").contains("<\(terms)>;rel=\"terms-of-service\""))
        let instance = try #require(refused.json?["instance"]?.string)
        #expect(instance.hasPrefix(World.acme + "/terms/"))
        #expect(refused.json?["detail"]?.string?.hasSuffix(instance) == true, "for clients that print nothing else")
        let path = String(instance.dropFirst(World.external.count))

        let page = try await world.get(path)
        #expect(page.status == 200)
        #expect(page["Content-Security-Policy"]?.contains("form-action 'self'") == true)
        #expect(page.text.contains("https://ca.test/terms?v=2&amp;x") && page.text.contains("<form method=\"post\">"))
        #expect(try await holder.order("a.example").status == 403, "reading is not agreeing")

        let agreed = try await world.ask(
            Wire(method: "POST", path, headers: ["Host: ca.test", "Content-Type: application/x-www-form-urlencoded"]))
        #expect(agreed.status == 200)
        #expect(try await holder.order("a.example").status == 201)
        try await world.stop()
    }

    @Test func `a page that was not handed out is not there, and agrees to nothing`() async throws {
        let world = try await World(terms: terms)
        let (holder, other) = (try await holder(world), try await world.holder())
        let instance = try #require(try await holder.order("a.example").json?["instance"]?.string)
        let token = try #require(instance.split(separator: "/").last)
        let wrong = String(token.dropLast()) + (token.hasSuffix("A") ? "B" : "A")
        for (account, token) in [(holder.id, wrong), (other.id, String(token)), (holder.id, ""), (holder.id, "x")] {
            let path = "/acme/default/terms/\(account.text)/\(token)"
            #expect(try await world.get(path).status == 404, "\(path)")
            let posted = try await world.ask(
                Wire(method: "POST", path, headers: ["Host: ca.test", "Content-Type: application/x-www-form-urlencoded"]))
            #expect(posted.status == 404, "\(path)")
        }
        #expect(try await holder.order("a.example").status == 403)
        try await world.stop()
    }

    @Test func `S-7.3.1-2 finding the account again agrees to nothing`() async throws {
        let world = try await World(terms: terms)
        let holder = try await holder(world)
        let found = Forge(
            holder.key, nonce: world.nonces.issue(), url: World.acme + "/new-account", payload: #"{"termsOfServiceAgreed":true}"#)
        #expect(try await world.ask(Wire("/acme/default/new-account", found.body)).status == 200)
        #expect(try await holder.order("a.example").status == 403)
        try await world.stop()
    }
}
