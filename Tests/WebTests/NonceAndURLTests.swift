import ACME
import Authority
import Foundation
import Store
import Testing

/// reliability.md 3.1: nonces, URLs, POST-as-GET and access.
struct NonceAndURLTests {
    static func nonce(_ name: String, _ type: String = "badNonce", _ json: @escaping @Sendable (HostileWorld) -> String?)
        -> Hostile
    {
        Hostile(order: "nonce: \(name)", 400, type) { forge, here in forge.setting("nonce", json(here)) }
    }
    static let nonces: [Hostile] = [
        nonce("S-6.5-5 missing") { _ in nil },
        nonce("S-6.5-3 invented") { _ in quote(Base64URL.encode([UInt8](repeating: 7, count: 36))) },
        nonce("S-6.5-3 cut short") { quote(String($0.world.nonces.issue().dropLast())) },
        nonce("made longer") { quote($0.world.nonces.issue() + "A") },
        nonce("S-6.5-3 of another server") { _ in quote(NonceOffice().issue()) },
        nonce("S-6.5-4 used") { here in
            let nonce = here.world.nonces.issue()
            _ = here.world.nonces.spend(nonce)
            return quote(nonce)
        },
        nonce("of 10 kB") { _ in quote(String(repeating: "A", count: 10_000)) },
        nonce("one bit different") { here in
            let nonce = here.world.nonces.issue()
            return quote((nonce.hasPrefix("A") ? "B" : "A") + nonce.dropFirst())
        },
        nonce("S-6.5.2-1 not base64url", "malformed") { _ in quote("a+b/") },
        nonce("S-6.5.2-1 padded", "malformed") { _ in quote("abc=") },
        nonce("S-6.5.2-1 a number", "malformed") { _ in "7" }, nonce("null", "malformed") { _ in "null" },
        nonce("empty", "malformed") { _ in quote("") },
        nonce("with white space", "malformed") { quote(" " + $0.world.nonces.issue()) },
    ]

    static func url(
        _ name: String, _ status: Int = 403, _ type: String = "unauthorized",
        _ json: @escaping @Sendable (HostileWorld) -> String?
    ) -> Hostile {
        Hostile(order: "url: \(name)", status, type) { forge, here in forge.setting("url", json(here)) }
    }
    static let urls: [Hostile] = [
        url("S-6.4.1-1 missing", 400, "malformed") { _ in nil }, url("S-6.4.1-1 a number", 400, "malformed") { _ in "7" },
        url("S-6.4.1-1 an array", 400, "malformed") { _ in "[]" }, url("empty") { _ in quote("") },
        url("S-6.4-1 of another resource") { _ in quote(World.acme + "/new-account") }, url("of an order") { quote($0.order) },
        url("S-6.4-1 of another scheme") { _ in quote("http://ca.test:8443/acme/default/new-order") },
        url("S-6.4-1 of another host") { _ in quote("https://ca.other:8443/acme/default/new-order") },
        url("in other case of the host") { _ in quote("https://CA.test:8443/acme/default/new-order") },
        url("S-6.4-2 without the port") { _ in quote("https://ca.test/acme/default/new-order") },
        url("S-6.4-2 with a percent sign") { _ in quote(World.acme + "/new%2Dorder") },
        url("S-6.4-2 with a doubled slash") { _ in quote(World.external + "//acme/default/new-order") },
        url("S-6.4-1 with a query") { _ in quote(World.acme + "/new-order?x=1") },
        url("with a slash") { _ in quote(World.acme + "/new-order/") },
        url("with a fragment") { _ in quote(World.acme + "/new-order#x") },
        url("the path alone") { _ in quote("/acme/default/new-order") },
        Hostile("S-6.4-1 the same query in URL and request", 403, "unauthorized", at: "/acme/default/new-order?x=1") { hostile in
            hostile.newOrder.setting("url", quote(World.acme + "/new-order?x=1")).body
        },
    ]

    static let views: [Hostile] = [
        Hostile(post: "S-6.3-5 {} to an order", 400, at: { $0.order }, "{}"),
        Hostile(post: "S-6.3-5 {} to a certificate", 400, at: { _ in World.acme + "/certificate/" + RecordIDs.unknown }, "{}"),
        Hostile(post: "{} to an authorization", 400, at: { $0.authorization }, "{}"),
        Hostile(post: "another status for an authorization", 400, at: { $0.authorization }, #"{"status":"valid"}"#),
        Hostile(post: "{} to the orders", 400, at: { $0.holder.kid + "/orders" }, "{}"),
        Hostile(post: "{} to the directory", 400, at: { _ in World.acme + "/directory" }, "{}"),
        Hostile(post: "{} to newNonce", 400, at: { _ in World.acme + "/new-nonce" }, "{}"),
        Hostile(post: "null to an order", 400, at: { $0.order }, "null"),
        Hostile(post: "null to an account", 400, at: { $0.holder.kid }, "null"),
        Hostile(post: "S-7.5.1-2 an array to a challenge", 400, at: { $0.challenge }, "[]"),
        Hostile(post: "S-7.5.1-2 a string to a challenge", 400, at: { $0.challenge }, #""x""#),
        Hostile(post: "S-7.5.1-2 a number to a challenge", 400, at: { $0.challenge }, "7"),
        Hostile(post: "a view of finalize", 400, at: { $0.order + "/finalize" }, ""),
        Hostile(post: "S-7.4-5 finalize without csr", 400, at: { $0.order + "/finalize" }, "{}"),
        Hostile(post: "finalize with a number", 400, at: { $0.order + "/finalize" }, #"{"csr":7}"#),
        Hostile(post: "S-6.1-5 finalize with a padded csr", 400, "badCSR", at: { $0.order + "/finalize" }, #"{"csr":"AAA="}"#),
        Hostile(post: "S-7.4-10 finalize too early", 403, "orderNotReady", at: { $0.order + "/finalize" }, #"{"csr":"AAAA"}"#),
        Hostile(post: "a contact that is no array", 400, at: { $0.holder.kid }, #"{"contact":"mailto:a@example.org"}"#),
        Hostile(
            post: "S-7.3-5 another kind of contact", 400, "unsupportedContact", at: { $0.holder.kid },
            #"{"contact":["tel:+123"]}"#),
        Hostile(
            post: "S-7.3-6 a contact without a host", 400, "invalidContact", at: { $0.holder.kid },
            #"{"contact":["mailto:nobody"]}"#),
        Hostile(
            post: "S-7.3-4 two addresses in a contact", 400, "invalidContact", at: { $0.holder.kid },
            #"{"contact":["mailto:a@x.org,b@x.org"]}"#),
        Hostile(post: "S-6.3-2 another's order", 403, "unauthorized", at: { $0.foreignOrder }, ""),
        Hostile(
            post: "S-6.3-2 an order that is not there", 403, "unauthorized",
            at: { _ in World.acme + "/order/" + RecordIDs.unknown }, ""),
        Hostile(post: "S-6.3-2 another's account", 403, "unauthorized", at: { $0.other.kid }, ""),
        Hostile(
            post: "S-7.3.6-2 deactivating another's account", 403, "unauthorized", at: { $0.other.kid },
            #"{"status":"deactivated"}"#),
        Hostile(post: "S-6.3-2 another's orders", 403, "unauthorized", at: { $0.other.kid + "/orders" }, ""),
        Hostile(
            post: "S-6.3-2 a certificate that is not there", 403, "unauthorized",
            at: { _ in World.acme + "/certificate/" + RecordIDs.unknown }, ""),
        Hostile(
            post: "an authorization that is not there", 403, "unauthorized",
            at: { _ in World.acme + "/authorization/" + RecordIDs.unknown }, ""),
        Hostile(
            post: "a challenge that is not there", 403, "unauthorized",
            at: { _ in World.acme + "/challenge/" + RecordIDs.unknown + "/http-01" }, "{}"),
        Hostile(
            post: "a challenge of a kind that is not there", 404,
            at: { $0.authorization.replacingOccurrences(of: "authorization", with: "challenge") + "/dns-99" }, "{}"),
        Hostile(post: "an identifier that is none", 404, at: { _ in World.acme + "/order/x" }, ""),
        Hostile(post: "a page of orders that was not handed out", 404, at: { $0.holder.kid + "/orders?cursor=x" }, ""),
    ]

    @Test(arguments: nonces)
    func `only a nonce of this server that was never seen is taken`(_ hostile: Hostile) async throws {
        try await expectRefusal(hostile)
    }
    @Test(arguments: urls)
    func `only the URL that was handed out may be signed`(_ hostile: Hostile) async throws { try await expectRefusal(hostile) }
    @Test(arguments: views)
    func `payload and access are checked on every resource`(_ hostile: Hostile) async throws { try await expectRefusal(hostile) }

    @Test func `S-6.3-2 another's object and one that is not there are answered alike`() async throws {
        let here = try await HostileWorld.shared.value
        let foreign = try await here.holder.post(here.foreignOrder, "")
        let missing = try await here.holder.post(World.acme + "/order/" + RecordIDs.unknown, "")
        #expect(foreign.body == missing.body)
    }

    @Test func `S-6.5-4 a nonce is spent by a request that failed later, and not by a forged one`() async throws {
        let here = try await HostileWorld.shared.value
        let path = "/acme/default/account/" + here.holder.id.text
        let nonce = here.world.nonces.issue()
        func view(_ url: String) -> Forge { Forge(here.holder.key, kid: here.holder.kid, nonce: nonce, url: url, payload: "") }
        var forged = view(here.holder.kid).signature
        forged[5] ^= 4
        #expect(try await here.world.ask(Wire(path, view(here.holder.kid).body(signature: forged))).problem == "malformed")
        #expect(try await here.world.ask(Wire(path, view(World.acme + "/elsewhere").body)).problem == "unauthorized")
        #expect(try await here.world.ask(Wire(path, view(here.holder.kid).body)).problem == "badNonce")
    }

    @Test func `S-6.5-5 the nonce that comes with badNonce works`() async throws {
        let here = try await HostileWorld.shared.value
        let path = "/acme/default/account/" + here.holder.id.text
        let first = try await here.world.ask(Wire(path, here.holder.forge(here.holder.kid, "").setting("nonce", nil).body))
        let nonce = try #require(first["Replay-Nonce"])
        let again = here.holder.forge(here.holder.kid, "").setting("nonce", quote(nonce))
        #expect(try await here.world.ask(Wire(path, again.body)).status == 200)
    }

    @Test func `S-6.5-4 of 50 concurrent uses of one nonce exactly one succeeds`() async throws {
        let here = try await HostileWorld.shared.value
        let nonce = here.world.nonces.issue()
        let forge = Forge(here.holder.key, kid: here.holder.kid, nonce: nonce, url: here.holder.kid, payload: "")
        let wire = Wire("/acme/default/account/" + here.holder.id.text, forge.body)
        let statuses = try await withThrowingTaskGroup(of: (Int, String?).self) { group in
            for _ in 0..<50 {
                group.addTask {
                    let answer = try await here.world.ask(wire)
                    return (answer.status, answer.problem)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses.count { $0.0 == 200 } == 1)
        #expect(statuses.count { $0.0 == 400 && $0.1 == "badNonce" } == 49)
    }
}
