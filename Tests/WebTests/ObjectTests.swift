import ACME
import Authority
import Foundation
import TestSupport
import Testing
import Validation

/// The objects of RFC 8555 section 7.1 as they go over the wire, in each of their states.
struct ObjectTests {
    private func settled(_ holder: Holder, _ authorization: String) async throws -> JSON {
        var last: JSON = .null
        try await eventually("a verdict on \(authorization)") {
            last = try await holder.post(authorization, "").json ?? .null
            return last["status"]?.string != "pending"
        }
        return last
    }

    private func strings(_ json: JSON?) -> [String] { json?.array?.compactMap(\.string) ?? [] }

    /// The one authorization of an order.
    private func only(_ order: WireClient.Answer) throws -> String {
        let all = strings(order.json?["authorizations"])
        return try #require(all.first)
    }

    @Test func `S-7.1.3-1 S-7.1.3-4 an order keeps its names and authorizations, and says when it expires`() async throws {
        let world = try await World()
        let holder = try await world.holder()
        let placed = try await holder.order("a.example", "*.b.example")
        let url = try #require(placed["Location"])
        let first = try #require(placed.json)
        _ = try RFC3339.date(try #require(first["expires"]?.string))
        for authorization in strings(first["authorizations"]) {
            let challenge = try #require(
                try await holder.post(authorization, "").json?["challenges"]?.array?.last?["url"]?.string)
            _ = try await holder.post(challenge, "{}")
            _ = try await settled(holder, authorization)
        }
        let ready = try #require(try await holder.post(url, "").json)
        #expect(ready["status"]?.string == "ready")
        for member in ["identifiers", "authorizations", "finalize", "expires"] {
            #expect(ready[member] == first[member], "\(member)")
        }
        try await world.stop()
    }

    @Test func `S-7.1.4-1 S-7.1.4-2 S-7.1.4-5 S-7.1.4-6 S-7.5.1-3 an authorization from pending to valid`() async throws {
        let world = try await World()
        let holder = try await world.holder()
        let placed = try await holder.order("a.example", "*.b.example")
        var wildcards = 0
        for url in strings(placed.json?["authorizations"]) {
            let pending = try #require(try await holder.post(url, "").json)
            let name = try #require(pending["identifier"]?["value"]?.string)
            #expect(!name.hasPrefix("*"))
            #expect(pending["status"]?.string == "pending")
            if name == "b.example" {
                wildcards += 1
                #expect(pending["wildcard"] == .bool(true))
                #expect(pending["challenges"]?.array?.map { $0["type"]?.string } == ["dns-01"])
            } else {
                #expect(pending["wildcard"] == nil)
                #expect(pending["challenges"]?.array?.count == 3)
            }
            let challenge = try #require(pending["challenges"]?.array?.first?["url"]?.string)
            _ = try await holder.post(challenge, "{}")
            let valid = try await settled(holder, url)
            #expect(valid["status"]?.string == "valid")
            _ = try RFC3339.date(try #require(valid["expires"]?.string))
            #expect(valid["challenges"]?.array?.contains { $0["status"]?.string == "valid" } == true)
        }
        #expect(wildcards == 1)
        try await world.stop()
    }

    @Test
    func `S-8-1 S-8-2 S-7.5.1-4 a challenge has type, url, status and token; validated when valid, an error only when it failed`()
        async throws
    {
        let world = try await World(verdict: { attempt in
            attempt.name == "good.example"
                ? .success(Evidence(address: nil, summary: "so be it"))
                : .failure(Problem(.connection, 400, "nobody there"))
        })
        let holder = try await world.holder()
        for (name, verdict) in [("good.example", "valid"), ("bad.example", "invalid")] {
            let order = try await holder.order(name)
            let authorization = try only(order)
            let before = try #require(try await holder.post(authorization, "").json?["challenges"]?.array)
            for challenge in before {
                #expect(challenge["type"]?.string != nil && challenge["url"]?.string != nil && challenge["token"]?.string != nil)
                #expect(challenge["status"]?.string == "pending")
                #expect(challenge["error"] == nil && challenge["validated"] == nil)
            }
            let url = try #require(before.first { $0["type"]?.string == "http-01" }?["url"]?.string)
            let response = try await holder.post(url, "{}")
            #expect(response.status == 200)
            #expect(response.all("Link").contains { $0.hasSuffix("rel=\"up\"") })
            _ = try await settled(holder, authorization)
            let after = try await holder.post(url, "")
            #expect(after.status == 200)
            #expect(after.json?["status"]?.string == verdict)
            #expect((after.json?["validated"] != nil) == (verdict == "valid"))
            #expect((after.json?["error"] != nil) == (verdict == "invalid"))
        }
        try await world.stop()
    }

    @Test func `S-8.3-1 S-10.5-1 tokens and URLs are unpredictable, and no two alike`() async throws {
        let world = try await World()
        let holder = try await world.holder()
        var tokens: Set<String> = []
        var names: Set<String> = []
        for number in 0..<50 {
            let order = try await holder.order("n\(number).example")
            names.insert(String(try #require(order["Location"]).split(separator: "/").last ?? ""))
            let authorization = try only(order)
            names.insert(String(authorization.split(separator: "/").last ?? ""))
            let challenges = try await holder.post(authorization, "").json?["challenges"]?.array ?? []
            tokens.formUnion(challenges.compactMap { $0["token"]?.string })
        }
        #expect(tokens.count == 50)
        for token in tokens { #expect(try Base64URL.decode(token).count >= 16) }
        #expect(names.count == 100)
        // Half of each name is chance: the last eight octets have nothing in common but what chance gives.
        let ends = try names.map { Array(try Base64URL.decode($0).suffix(8)) }
        #expect(Set(ends).count == 100)
        for place in 0..<8 { #expect(Set(ends.map { $0[place] }).count > 20, "octet \(place)") }
        try await world.stop()
    }

    @Test func `S-7.5.2-1 only its owner deactivates an authorization`() async throws {
        let world = try await World()
        let (owner, other) = (try await world.holder(), try await world.holder())
        let order = try await owner.order("a.example")
        let authorization = try only(order)
        #expect(try await other.post(authorization, #"{"status":"deactivated"}"#).status == 403)
        #expect(try await owner.post(authorization, "").json?["status"]?.string == "pending")
        let gone = try await owner.post(authorization, #"{"status":"deactivated"}"#)
        #expect(gone.status == 200)
        #expect(gone.json?["status"]?.string == "deactivated")
        try await world.stop()
    }

    @Test func `S-6.7.1-2 the identifier of a failure stands in its subproblem, as it was sent`() async throws {
        let world = try await World()
        let holder = try await world.holder()
        let one = try await holder.order("good.example", "bad_.example")
        #expect(one.status == 400)
        #expect(one.json?["identifier"] == nil)
        let two = try await holder.order("bad_.example", "good.example", "*.*.example")
        #expect(two.json?["identifier"] == nil)
        let named = two.json?["subproblems"]?.array?.map { $0["identifier"]?["value"]?.string }
        #expect(named == ["bad_.example", "*.*.example"])
        try await world.stop()
    }

    @Test func `S-6.5.1-2 a Replay-Nonce in a request changes nothing`() async throws {
        let world = try await World()
        let holder = try await world.holder()
        let answer = try await holder.post(holder.kid, "", headers: ["Replay-Nonce: \(world.nonces.issue())"])
        #expect(answer.status == 200)
        #expect(answer.all("Replay-Nonce").count == 1)
        try await world.stop()
    }
}
