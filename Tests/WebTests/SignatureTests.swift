import ACME
import Authority
import Crypto
import Foundation
import Store
import Testing

/// reliability.md 3.1: algorithms, keys and account URLs.
struct SignatureTests {
    static func alg(_ name: String, _ json: String?, _ type: String = "badSignatureAlgorithm") -> Hostile {
        Hostile(order: "alg \(name)", 400, type) { forge, _ in forge.setting("alg", json) }
    }

    static let algorithms: [Hostile] = [
        alg("S-6.2-8 none", #""none""#), alg("None", #""None""#), alg("of no letters", #""""#), alg("S-6.2-8 HS256", #""HS256""#),
        alg("S-6.2-8 HS512", #""HS512""#), alg("S-6.2-17 RS1", #""RS1""#), alg("RS384", #""RS384""#), alg("PS256", #""PS256""#),
        alg("S-6.2-17 ES256K", #""ES256K""#), alg("es256", #""es256""#), alg("missing", nil, "malformed"),
        alg("7", "7", "malformed"),
        alg("null", "null", "malformed"), alg("that is not the key's", #""RS256""#, "malformed"),
        alg("of another curve", #""ES384""#, "malformed"),
        Hostile(account: "S-6.2-18 alg RS256 with an EC key", 400, "badPublicKey") { forge, _ in forge.setting("alg", #""RS256""#)
        },
        Hostile("S-6.2-18 alg ES256 with a P-384 key", 400, "badPublicKey", at: "/acme/default/new-account") {
            $0.newAccount(.p384).setting("alg", #""ES256""#).body
        },
        Hostile("S-6.2-8 HS256 keyed with the public key", 400, "badSignatureAlgorithm", at: "/acme/default/new-account") {
            hostile in
            let forge = hostile.newAccount().setting("alg", #""HS256""#)
            let signed = Array("\(forge.protectedPart).\(forge.payloadPart)".utf8)
            let code = HMAC<SHA256>.authenticationCode(for: signed, using: SymmetricKey(data: forge.key.jwk.subjectPublicKeyInfo))
            return forge.body(signature: Array(code))
        },
        Hostile(order: "S-6.2-5 crit", 400) { forge, _ in forge.adding("crit", #"["exp"]"#).adding("exp", "1") },
        Hostile(order: "an empty crit", 400) { forge, _ in forge.adding("crit", "[]") },
        Hostile(order: "S-6.2-5 b64 false", 400) { forge, _ in forge.adding("b64", "false").adding("crit", #"["b64"]"#) },
        Hostile("S-6.2-10 a signature in DER", 400) { hostile in
            let forge = hostile.newOrder
            let raw = forge.signature
            func number(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
                let bytes = (bytes.first ?? 0) > 0x7F ? [0] + Array(bytes) : Array(bytes)
                return [2, UInt8(bytes.count)] + bytes
            }
            let both = number(raw.prefix(32)) + number(raw.suffix(32))
            return forge.body(signature: [0x30, UInt8(both.count)] + both)
        },
        Hostile("r and s zero", 400) { $0.newOrder.body(signature: [UInt8](repeating: 0, count: 64)) },
        Hostile("r and s at most", 400) { $0.newOrder.body(signature: [UInt8](repeating: 0xFF, count: 64)) },
        Hostile("a signature of 63 bytes", 400) { hostile in
            let forge = hostile.newOrder
            return forge.body(signature: Array(forge.signature.dropLast()))
        },
        Hostile("S-6.2-1 one bit flipped", 400) { hostile in
            let forge = hostile.newOrder
            var signature = forge.signature
            signature[40] ^= 1
            return forge.body(signature: signature)
        },
        Hostile("S-6.2-14 the signature of another key", 400, at: "/acme/default/new-account") { hostile in
            var forge = hostile.newAccount()
            forge.key = SigningKey(.p256)
            return forge.body
        },
    ]

    static func jwk(_ name: String, _ type: String, alg: String = "ES256", _ json: String) -> Hostile {
        Hostile(account: "jwk: \(name)", 400, type) { forge, _ in forge.setting("jwk", json).setting("alg", quote(alg)) }
    }
    static func rsa(_ name: String, _ type: String, bytes: Int, e: String = "AQAB", last: UInt8 = 0xA5) -> Hostile {
        var modulus = (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 73 &+ 29) | 1 }
        modulus[0] |= 0x80
        modulus[bytes - 1] = last
        return jwk(name, type, alg: "RS256", #"{"kty":"RSA","n":"\#(Base64URL.encode(modulus))","e":"\#(e)"}"#)
    }
    static let x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
    static let y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"

    static let keys: [Hostile] = [
        Hostile(order: "S-6.2-12 jwk beside kid", 400) { forge, here in forge.adding("jwk", here.holder.key.jwk.canonical) },
        Hostile(order: "S-6.2-9 neither jwk nor kid", 400) { forge, _ in forge.setting("kid", nil) },
        Hostile(order: "S-6.2-15 newOrder with jwk", 400) { forge, here in
            forge.setting("kid", nil).adding("jwk", here.holder.key.jwk.canonical)
        },
        Hostile("S-6.2-13 newAccount with kid", 400, at: "/acme/default/new-account") {
            $0.holder.forge(World.acme + "/new-account", "{}").body
        },
        Hostile("S-6.2-15 keyChange with jwk", 400, at: "/acme/default/key-change") { hostile in
            Forge(hostile.holder.key, nonce: hostile.world.nonces.issue(), url: World.acme + "/key-change").body
        },
        jwk("a number", "malformed", "7"), jwk("a string", "malformed", #""key""#), jwk("an empty object", "malformed", "{}"),
        jwk("with its private part", "malformed", #"{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(y)","d":"\#(x)"}"#),
        jwk("without y", "malformed", #"{"kty":"EC","crv":"P-256","x":"\#(x)"}"#),
        jwk("x too short", "malformed", #"{"kty":"EC","crv":"P-256","x":"\#(x.dropLast(4))","y":"\#(y)"}"#),
        jwk("S-6.1-5 x padded", "malformed", #"{"kty":"EC","crv":"P-256","x":"\#(x)=","y":"\#(y)"}"#),
        jwk("S-6.2-18 a point off the curve", "badPublicKey", #"{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(x)"}"#),
        jwk(
            "the point at the origin", "badPublicKey",
            #"{"kty":"EC","crv":"P-256","x":"\#(String(repeating: "A", count: 43))","y":"\#(String(repeating: "A", count: 43))"}"#
        ),
        jwk("an unknown curve", "badPublicKey", #"{"kty":"EC","crv":"secp256k1","x":"\#(x)","y":"\#(y)"}"#),
        jwk("S-6.2-18 Ed448", "badPublicKey", alg: "EdDSA", #"{"kty":"OKP","crv":"Ed448","x":"\#(x)"}"#),
        jwk("a symmetric key", "badPublicKey", #"{"kty":"oct","k":"\#(x)"}"#),
        jwk("an unknown kind", "badPublicKey", #"{"kty":"XY","x":"\#(x)"}"#),
        rsa("RSA of 512 bits", "badPublicKey", bytes: 64), rsa("S-6.2-18 RSA of 1024 bits", "badPublicKey", bytes: 128),
        rsa("RSA of 2040 bits", "badPublicKey", bytes: 255), rsa("RSA of 8192 bits", "badPublicKey", bytes: 1024),
        rsa("RSA with e = 1", "badPublicKey", bytes: 256, e: "AQ"),
        rsa("RSA with an even e", "badPublicKey", bytes: 256, e: "Ag"),
        rsa("RSA with an even modulus", "badPublicKey", bytes: 256, last: 0xA4),
    ]

    static func kid(_ name: String, _ type: String = "accountDoesNotExist", _ make: @escaping @Sendable (HostileWorld) -> String)
        -> Hostile
    {
        Hostile(order: "kid: \(name)", 400, type) { forge, here in forge.setting("kid", make(here)) }
    }
    static let accounts: [Hostile] = [
        kid("S-6.2-16 unknown") { _ in quote(World.acme + "/account/" + RecordIDs.unknown) },
        kid("S-6.2-16 of another host") { quote("https://ca.other:8443/acme/default/account/" + $0.holder.id.text) },
        kid("of another port") { quote("https://ca.test/acme/default/account/" + $0.holder.id.text) },
        kid("of another scheme") { quote($0.holder.kid.replacingOccurrences(of: "https", with: "http")) },
        kid("S-6.2-16 with a slash") { quote($0.holder.kid + "/") }, kid("with a query") { quote($0.holder.kid + "?") },
        kid("S-6.2-16 in other case") { quote($0.holder.kid.replacingOccurrences(of: "/acme/", with: "/ACME/")) },
        kid("relative") { quote("/acme/default/account/" + $0.holder.id.text) },
        kid("the identifier alone") { quote($0.holder.id.text) },
        kid("empty") { _ in quote("") }, kid("in other letters") { quote($0.holder.kid + "\u{202E}") },
        kid("of an order") { quote($0.order) }, kid("a number", "malformed") { _ in "7" },
        kid("null", "malformed") { _ in "null" },
        kid("an object", "malformed") { _ in "{}" }, kid("S-6.2-14 another's", "malformed") { quote($0.other.kid) },
        Hostile("S-7.3.6-1 S-7.3.6-3 a deactivated account's newOrder", 401, "unauthorized") { hostile in
            hostile.gone.forge(World.acme + "/new-order", HostileWorld.good).body
        },
        Hostile("S-7.3.6-3 newAccount with a deactivated account's key", 401, "unauthorized", at: "/acme/default/new-account") {
            hostile in
            Forge(hostile.gone.key, nonce: hostile.world.nonces.issue(), url: World.acme + "/new-account").body
        },
        Hostile("S-7.3.6-5 reactivation", 401, "unauthorized", at: "/acme/default/account/") { hostile in
            hostile.gone.forge(hostile.gone.kid, #"{"status":"valid"}"#).body
        }.moved { "/acme/default/account/" + $0.gone.id.text },
    ]

    @Test(arguments: algorithms)
    func `an algorithm or signature that does not hold is refused`(_ hostile: Hostile) async throws {
        try await expectRefusal(hostile)
    }
    @Test(arguments: keys)
    func `a key that is not served or not wanted here is refused`(_ hostile: Hostile) async throws {
        try await expectRefusal(hostile)
    }
    @Test(arguments: accounts)
    func `only the exact URL of an active account is a kid`(_ hostile: Hostile) async throws { try await expectRefusal(hostile) }

    @Test(arguments: SigningKey.Kind.allCases.filter { ![.rsa3072, .rsa4096].contains($0) })
    func `S-6.2-10 S-6.2-11 S-6.2-17 each algorithm on the list works`(_ kind: SigningKey.Kind) async throws {
        let world = try await World()
        let holder = try await world.holder(kind)
        #expect(try await holder.post(holder.kid, "").status == 200)
        try await world.stop()
    }
}

extension Hostile {
    /// The same body, sent elsewhere.
    func moved(_ path: @escaping @Sendable (HostileWorld) -> String) -> Hostile {
        Hostile(name: name, status: status, type: type) { here in
            let text = String(decoding: make(here), as: UTF8.self)
            let line = text.prefix { $0 != "\r\n" }
            return Array(("POST \(path(here)) HTTP/1.1" + text.dropFirst(line.count)).utf8)
        }
    }
    init(name: String, status: Int, type: String, make: @escaping @Sendable (HostileWorld) -> [UInt8]) {
        (self.name, self.status, self.type, self.make) = (name, status, type, make)
    }
}
