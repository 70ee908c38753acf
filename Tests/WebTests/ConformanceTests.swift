import ACME
import Authority
import Foundation
import PKIX
import Store
import Testing

/// specs.md 2.1, what it asks of answers that grant something.
struct ConformanceTests {
    @Test func `S-7.1.1-1 S-7.1.1-2 S-6.1-1 the directory is JSON with absolute https URLs and nothing that is not served`()
        async throws
    {
        let world = try await World(terms: "https://ca.test/terms")
        let answer = try await world.get("/acme/default/directory")
        #expect(answer.status == 200)
        #expect(answer["Content-Type"] == "application/json")
        let members = try #require(answer.json?.object)
        #expect(Set(members.keys) == ["newNonce", "newAccount", "newOrder", "revokeCert", "keyChange", "renewalInfo", "meta"])
        for (name, value) in members where name != "meta" { #expect(value.string?.hasPrefix(World.acme + "/") == true) }
        #expect(members["meta"]?["termsOfService"]?.string == "https://ca.test/terms")
        #expect(!answer.all("Link").contains { $0.contains("index") }, "S-7.1-2 everywhere but there")
        #expect(answer["Replay-Nonce"] == nil)
        try await world.stop()
    }

    @Test func `S-7.2-1 S-7.2-2 S-7.2-3 newNonce gives a fresh nonce to HEAD and GET and forbids keeping it`() async throws {
        let world = try await World()
        for (method, status) in [("HEAD", 200), ("GET", 204)] {
            let answer = try await world.get("/acme/default/new-nonce", method: method)
            #expect(answer.status == status)
            #expect(answer["Cache-Control"] == "no-store")
            #expect(answer.body.isEmpty)
            let nonce = try #require(answer["Replay-Nonce"])
            #expect(nonce.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") })
            #expect(world.nonces.spend(nonce))
            #expect(answer.all("Link") == ["<\(World.acme)/directory>;rel=\"index\""])
        }
        try await world.stop()
    }

    @Test func `S-6.3-4 directory and newNonce are also given to POST-as-GET`() async throws {
        let world = try await World()
        let holder = try await world.holder()
        #expect(try await holder.post(World.acme + "/directory", "").json?["newOrder"] != nil)
        let nonce = try await holder.post(World.acme + "/new-nonce", "")
        #expect(nonce.status == 204)
        #expect(nonce.all("Replay-Nonce").count == 1)
        try await world.stop()
    }

    @Test func `S-7.3-9 S-7.3.1-1 S-7.3.1-2 a key has one account, found again as it was`() async throws {
        let world = try await World()
        let key = SigningKey(.p256)
        func ask(_ payload: String) async throws -> WireClient.Answer {
            let forge = Forge(key, nonce: world.nonces.issue(), url: World.acme + "/new-account", payload: payload)
            return try await world.ask(Wire("/acme/default/new-account", forge.body))
        }
        let missing = try await ask(#"{"onlyReturnExisting":true}"#)
        #expect(missing.status == 400)
        #expect(missing.problem == "accountDoesNotExist")
        #expect(try await world.store.counts().accounts == 0, "S-7.3-1")
        let first = try await ask(
            #"{"contact":["mailto:ä@example.org"],"termsOfServiceAgreed":true,"orders":"x","onlyReturnExisting":false}"#)
        #expect(first.status == 201)
        #expect(first.json?["status"]?.string == "valid")
        #expect(first.json?["contact"]?.array?.compactMap(\.string) == ["mailto:ä@example.org"], "S-5-1")
        #expect(first.json?["orders"]?.string == first["Location"].map { $0 + "/orders" }, "S-7.3-2")
        #expect(first.json?["onlyReturnExisting"] == nil)
        #expect(first.all("Replay-Nonce").count == 1)
        for payload in ["{}", #"{"contact":["mailto:b@example.org"]}"#, #"{"onlyReturnExisting":true}"#] {
            let again = try await ask(payload)
            #expect(again.status == 200)
            #expect(again["Location"] == first["Location"])
            #expect(again.body == first.body)
        }
        try await world.stop()
    }

    @Test(arguments: ["{}", #"{"termsOfServiceAgreed":false}"#, #"{"termsOfServiceAgreed":"true"}"#])
    func `S-7.3-8 S-7.3.3-2 without agreement there is no account but a link to the terms`(_ payload: String) async throws {
        let world = try await World(terms: "https://ca.test/terms")
        let forge = Forge(SigningKey(.p256), nonce: world.nonces.issue(), url: World.acme + "/new-account", payload: payload)
        let answer = try await world.ask(Wire("/acme/default/new-account", forge.body))
        #expect(answer.status == 403)
        #expect(answer.problem == "userActionRequired")
        #expect(answer.all("Link").contains("<https://ca.test/terms>;rel=\"terms-of-service\""))
        #expect(try await world.store.counts().accounts == 0)
        try await world.stop()
    }

    @Test func `S-7.3.2-1 S-6.3-5 an account is viewed, left alone by an empty object, and updated`() async throws {
        let world = try await World()
        let holder = try await world.holder()
        let view = try await holder.post(holder.kid, "")
        #expect(try await holder.post(holder.kid, "{}").body == view.body)
        let ignored = #"{"orders":"x","status":"revoked","termsOfServiceAgreed":false,"y":1}"#
        #expect(try await holder.post(holder.kid, ignored).body == view.body)
        let updated = try await holder.post(holder.kid, #"{"contact":["mailto:a@example.org"]}"#)
        #expect(updated.status == 200)
        #expect(updated.json?["contact"]?.array?.compactMap(\.string) == ["mailto:a@example.org"])
        #expect(try await holder.post(holder.kid, #"{"contact":[]}"#).json?["contact"] == nil)
        try await world.stop()
    }

    @Test func `S-7.3.6-1 S-7.3.6-2 a deactivated account gets 401 everywhere`() async throws {
        let world = try await World()
        let holder = try await world.holder()
        let order = try await holder.order("a.example")
        let gone = try await holder.post(holder.kid, #"{"status":"deactivated"}"#)
        #expect(gone.status == 200)
        #expect(gone.json?["status"]?.string == "deactivated")
        let urls = [
            holder.kid, holder.kid + "/orders", order["Location"] ?? "", order.json?["finalize"]?.string ?? "",
            order.json?["authorizations"]?.array?.first?.string ?? "", World.acme + "/directory", World.acme + "/key-change",
        ]
        for url in urls {
            let answer = try await holder.post(url, "")
            #expect(answer.status == 401)
            #expect(answer.problem == "unauthorized")
            #expect(answer["WWW-Authenticate"] != nil)
            #expect(answer.all("Replay-Nonce").count == 1)
        }
        try await world.stop()
    }

    @Test func `S-7.1.2.1-3 more orders than a page holds are linked page by page`() async throws {
        let world = try await World()
        let holder = try await world.holder()
        var expected: Set<String> = []
        for number in 0..<103 { expected.insert(try await holder.order("n\(number).example")["Location"] ?? "") }
        var seen: [String] = []
        var page: String? = holder.kid + "/orders"
        var pages = 0
        while let url = page, pages < 10 {
            let answer = try await holder.post(url, "")
            #expect(answer.status == 200)
            seen += answer.json?["orders"]?.array?.compactMap(\.string) ?? []
            page = answer.all("Link").first { $0.hasSuffix(";rel=\"next\"") }.map { String($0.dropFirst().prefix { $0 != ">" }) }
            pages += 1
        }
        #expect(pages == 2)
        #expect(seen.count == 103)
        #expect(Set(seen) == expected)
        try await world.stop()
    }

    @Test func `S-7.3.5-8 a changed key works at once, the old one no longer`() async throws {
        let world = try await World()
        let holder = try await world.holder()
        let new = SigningKey(.p384)
        let url = World.acme + "/key-change"
        let inner = Forge(
            new, nonce: "x", url: url, payload: #"{"account":"\#(holder.kid)","oldKey":\#(holder.key.jwk.canonical)}"#
        )
        .setting("nonce", nil).body
        let changed = try await holder.post(url, inner)
        #expect(changed.status == 200)
        #expect(try await holder.post(holder.kid, "").problem == "malformed")
        #expect(try await Holder(world: world, key: new, kid: holder.kid).post(holder.kid, "").status == 200)
        try await world.stop()
    }

    @Test(arguments: ["GET", "POST"])
    func `S-6.1-3 any origin may read every answer, errors too`(_ method: String) async throws {
        let here = try await HostileWorld.shared.value
        for path in ["/acme/default/directory", "/acme/default/new-nonce", "/acme/default/new-order", "/nowhere"] {
            let answer = try await here.world.ask(
                Wire(method: method, path, headers: ["Host: a", "Origin: https://elsewhere.test"]))
            #expect(answer["Access-Control-Allow-Origin"] == "*", "\(path)")
            #expect(answer["Access-Control-Expose-Headers"] == "Replay-Nonce, Location, Link, Retry-After", "\(path)")
        }
    }

    @Test func `S-6.1-3 a browser may ask first`() async throws {
        let here = try await HostileWorld.shared.value
        let answer = try await here.world.get(
            "/acme/default/new-order", ["Access-Control-Request-Method: POST"], method: "OPTIONS")
        #expect(answer.status == 204)
        #expect(answer["Access-Control-Allow-Methods"] == "POST, OPTIONS")
        #expect(answer["Access-Control-Allow-Headers"] == "Content-Type")
    }

    @Test func `S-9.1-1 S-9.1-2 S-7.4.2-1 a download is strict PEM, the leaf first, the root not in it`() async throws {
        let world = try await World()
        let holder = try await world.holder()
        let (order, _) = try await IssuanceTests.issue(holder, "a.example")
        let url = order.json?["certificate"]?.string ?? ""
        let answer = try await holder.post(url, "", headers: ["Accept: */*"])
        #expect(answer["Content-Type"] == "application/pem-certificate-chain")
        #expect(!answer.body.contains(13))
        #expect(answer.text.hasSuffix("-----END CERTIFICATE-----\n"))
        #expect(answer.text.hasPrefix("-----BEGIN CERTIFICATE-----\n"))
        #expect(!answer.text.contains("\n\n"))
        #expect(answer.text.split(separator: "\n").allSatisfy { $0.utf8.count <= 64 })
        let blocks = try PEM.decode(answer.text)
        #expect(!blocks.contains { $0.bytes == world.authority.issuer.root.der })
        #expect(try await holder.post(url, "").body == answer.body, "S-7.4.2-3")
        let other = try await holder.post(url + "/1", "")
        #expect(other.status == 404)
        try await world.stop()
    }

    @Test func `S-7.4.2-4 DER of the certificate alone leads up to its issuer; PEM is what anyone else gets`() async throws {
        let world = try await World()
        let holder = try await world.holder()
        let (order, _) = try await IssuanceTests.issue(holder, "a.example")
        let url = order.json?["certificate"]?.string ?? ""
        let chain = try PEM.decode(try await holder.post(url, "").text).map(\.bytes)
        for accept in [
            "application/pkix-cert", "Application/PKIX-Cert", "application/pkix-cert, */*",
            "text/html, application/pkix-cert;q=0.5",
            "application/pem-certificate-chain;q=0.1, application/pkix-cert",
        ] {
            let answer = try await holder.post(url, "", headers: ["Accept: \(accept)"])
            #expect(answer.status == 200)
            #expect(answer["Content-Type"] == "application/pkix-cert", "\(accept)")
            #expect(answer.body == chain.first, "\(accept)")
            #expect(answer["Vary"] == "Accept")
            let up = try #require(answer.all("Link").first { $0.hasSuffix(";rel=\"up\"") }?.dropFirst().prefix { $0 != ">" })
            #expect(up.hasPrefix(World.external + "/"))
            let issuer = try await world.get(String(up.dropFirst(World.external.count)))
            #expect(issuer["Content-Type"] == "application/pkix-cert")
            #expect(issuer.body == chain.last)
        }
        for accept in [
            "", "*/*", "text/html", "application/x-unheard-of", "application/pkix-cert;q=0", "application/pkix-cert;q=x",
            "application/pkix-cert;q=0.5, */*", "application/pkix-cert, application/pem-certificate-chain", ";,;",
        ] {
            let answer = try await holder.post(url, "", headers: ["Accept: \(accept)"])
            #expect(answer.status == 200, "never 406")
            #expect(answer["Content-Type"] == "application/pem-certificate-chain", "\(accept)")
        }
        try await world.stop()
    }

    struct Change: Sendable, CustomTestStringConvertible {
        let name: String, status: Int, type: String
        let make: @Sendable (HostileWorld, SigningKey) -> String
        init(
            _ name: String, _ status: Int = 400, _ type: String = "malformed",
            make: @escaping @Sendable (HostileWorld, SigningKey) -> String
        ) {
            (self.name, self.status, self.type, self.make) = (name, status, type, make)
        }
        var testDescription: String { name }
    }
    static func inner(_ here: HostileWorld, _ new: SigningKey) -> Forge {
        Forge(
            new, nonce: "", url: World.acme + "/key-change",
            payload: #"{"account":"\#(here.holder.kid)","oldKey":\#(here.holder.key.jwk.canonical)}"#
        ).setting("nonce", nil)
    }
    static let changes: [Change] = [
        Change("S-7.3.5-2 the inner message names an account") { here, new in
            inner(here, new).setting("jwk", nil).adding("kid", quote(here.holder.kid)).body
        },
        Change("S-7.3.5-2 the inner signature is of another key") { here, new in
            var forge = inner(here, new)
            forge.key = SigningKey(.p256)
            return forge.body
        },
        Change("S-7.3.5-3 the inner message has a nonce") { here, new in
            inner(here, new).adding("nonce", quote(here.world.nonces.issue())).body
        },
        Change("S-7.3.5-3 another inner url") { here, new in
            inner(here, new).setting("url", quote(World.acme + "/new-order")).body
        },
        Change("no inner url") { here, new in inner(here, new).setting("url", nil).body },
        Change("S-7.3.5-4 no account") { here, new in
            inner(here, new).paying(#"{"oldKey":\#(here.holder.key.jwk.canonical)}"#).body
        },
        Change("S-7.3.5-4 no oldKey") { here, new in inner(here, new).paying(#"{"account":"\#(here.holder.kid)"}"#).body },
        Change("S-7.3.5-4 the inner payload is no object") { here, new in inner(here, new).paying("[]").body },
        Change("S-7.3.5-5 another account") { here, new in
            inner(here, new).paying(#"{"account":"\#(here.other.kid)","oldKey":\#(here.holder.key.jwk.canonical)}"#).body
        },
        Change("S-7.3.5-6 another oldKey") { here, new in
            inner(here, new).paying(#"{"account":"\#(here.holder.kid)","oldKey":\#(here.other.key.jwk.canonical)}"#).body
        },
        Change("inner HS256", 400, "badSignatureAlgorithm") { here, new in inner(here, new).setting("alg", #""HS256""#).body },
        Change("the inner message is no JSON") { _, _ in "key" },
        Change("a message within a message") { here, new in inner(here, new).paying(inner(here, new).body).body },
        Change("S-7.3.5-7 the key it has already", 409) { here, _ in inner(here, here.holder.key).body },
        Change("S-7.3.5-7 another account's key", 409) { here, _ in inner(here, here.other.key).body },
        Change("S-7.3.5-7 a deactivated account's key", 409) { here, _ in inner(here, here.gone.key).body },
    ]
    /// The inner message holds; with the outer one as it should be, the key would change.
    static func outer(
        _ name: String, _ status: Int = 400, _ type: String = "malformed",
        _ make: @escaping @Sendable (Forge, HostileWorld) -> Forge
    ) -> Hostile {
        Hostile("S-7.3.5-1 \(name)", status, type, at: "/acme/default/key-change") { here in
            make(change(here), here).body
        }
    }
    static func change(_ here: HostileWorld) -> Forge {
        here.holder.forge(World.acme + "/key-change", inner(here, SigningKey(.p256)).body)
    }
    static let outers: [Hostile] = [
        Hostile("S-7.3.5-1 S-6.2-1 one bit flipped", 400, at: "/acme/default/key-change") { here in
            let forge = change(here)
            var signature = forge.signature
            signature[40] ^= 1
            return forge.body(signature: signature)
        },
        Hostile("S-7.3.5-1 S-6.2-6 an unprotected header", 400, at: "/acme/default/key-change") { here in
            "{\"header\":{}," + change(here).body.dropFirst()
        },
        Hostile(wire: "S-7.3.5-1 S-6.2-19 another content type", 415) { here in
            var wire = Wire("/acme/default/key-change", change(here).body)
            wire.headers = ["Host: ca.test", "Content-Type: application/json"]
            return wire
        },
        outer("S-6.2-8 no signature", 400, "badSignatureAlgorithm") { forge, _ in forge.setting("alg", #""none""#) },
        outer("S-6.2-12 jwk beside kid") { forge, here in forge.adding("jwk", here.holder.key.jwk.canonical) },
        outer("S-6.2-15 jwk in place of kid") { forge, here in
            forge.setting("kid", nil).adding("jwk", here.holder.key.jwk.canonical)
        },
        outer("S-6.2-16 an unknown account", 400, "accountDoesNotExist") { forge, _ in
            forge.setting("kid", quote(World.acme + "/account/" + RecordIDs.unknown))
        },
        outer("S-6.2-14 another account's kid") { forge, here in forge.setting("kid", quote(here.other.kid)) },
        outer("S-6.2-14 signed by the new key") { forge, here in
            var forge = forge
            forge.key = SigningKey(.p256)
            return forge
        },
        outer("S-6.4-1 another url", 403, "unauthorized") { forge, _ in
            forge.setting("url", quote(World.acme + "/new-order"))
        },
        outer("S-6.5-3 a nonce from elsewhere", 400, "badNonce") { forge, _ in forge.setting("nonce", #""AAAA""#) },
        outer("S-6.5-3 no nonce", 400, "badNonce") { forge, _ in forge.setting("nonce", nil) },
        outer("S-7.3.6-1 a deactivated account", 401, "unauthorized") { _, here in
            let inner = Forge(
                SigningKey(.p256), nonce: "", url: World.acme + "/key-change",
                payload: #"{"account":"\#(here.gone.kid)","oldKey":\#(here.gone.key.jwk.canonical)}"#
            ).setting("nonce", nil)
            return here.gone.forge(World.acme + "/key-change", inner.body)
        },
    ]
    @Test(arguments: outers)
    func `a key change whose outer message does not hold is refused and changes nothing`(_ hostile: Hostile) async throws {
        try await expectRefusal(hostile)
    }

    @Test(arguments: changes)
    func `a key change that does not hold is refused and changes nothing`(_ change: Change) async throws {
        let here = try await HostileWorld.shared.value
        let payload = change.make(here, SigningKey(.p256))
        let answer = try await here.holder.post(World.acme + "/key-change", payload)
        #expect(answer.status == change.status, "\(answer.text)")
        #expect(answer.problem == change.type)
        #expect(answer.all("Replay-Nonce").count == 1)
        if change.status == 409 { #expect(answer["Location"]?.hasPrefix(World.acme + "/account/") == true) }
        #expect(try await here.isUnchanged())
    }
}
