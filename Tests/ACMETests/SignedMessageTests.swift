import ACME
import Testing

/// The malformed requests of the test plan that can be judged without HTTP. All are signed well unless the case says otherwise.
struct SignedMessageTests {
    static let key = SigningKey(.p256)
    static let url = "https://ca.example/acme/new-account"

    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let body: [UInt8]
        var testDescription: String { name }
        init(_ name: String, _ body: [UInt8]) { (self.name, self.body) = (name, body) }
        init(_ name: String, _ body: String) { self.init(name, Array(body.utf8)) }
        /// A protected header of this text.
        init(_ name: String, header: String) { self.init(name, SignedMessageTests.body(header: header)) }
        /// The usual protected header with members changed, or without those that are nil.
        init(_ name: String, _ changes: [String: String?]) { self.init(name, header: SignedMessageTests.header(changes)) }
        /// The usual body with members changed, or without those that are nil.
        init(_ name: String, outer: [String: String?]) {
            var members = SignedMessageTests.members
            for (name, value) in outer { members[name] = value }
            self.init(name, "{" + members.map { "\"\($0)\":\($1)" }.sorted().joined(separator: ",") + "}")
        }
    }

    static func header(_ changes: [String: String?]) -> String {
        var members = ["alg": "\"ES256\"", "nonce": "\"abc\"", "url": "\"\(url)\"", "jwk": key.jwk.canonical]
        for (name, value) in changes { members[name] = value }
        return "{" + members.map { "\"\($0)\":\($1)" }.sorted().joined(separator: ",") + "}"
    }
    static func signedParts(header: [UInt8], payload: String = "{}") -> (protected: String, payload: String, signature: String) {
        let (protected, payload) = (Base64URL.encode(header), Base64URL.encode(payload.utf8))
        let signature = (try? key.sign(Array("\(protected).\(payload)".utf8))) ?? []
        return (protected, payload, Base64URL.encode(signature))
    }
    static func body(header: String) -> String {
        let parts = signedParts(header: Array(header.utf8))
        return #"{"protected":"\#(parts.protected)","payload":"\#(parts.payload)","signature":"\#(parts.signature)"}"#
    }
    static let good = body(header: header([:]))
    static let members: [String: String] = {
        let parts = signedParts(header: Array(header([:]).utf8))
        return ["protected": "\"\(parts.protected)\"", "payload": "\"\(parts.payload)\"", "signature": "\"\(parts.signature)\""]
    }()
    static func bare(_ name: String) -> String { String((members[name] ?? "").dropFirst().dropLast()) }

    // MARK: what is taken

    @Test func `S-6.2-10 a message of the form is taken`() throws {
        let message = try SignedMessage(Self.good.utf8)
        #expect(message.signer == .jwk(Self.key.jwk))
        #expect(message.isSigned(by: Self.key.jwk))
    }

    static let tolerated: [Case] = [
        Case("space around", " \r\n\t" + good + "\n"),
        Case("unknown outer members", outer: ["x": "7", "Protected": "\"?\"", "Signature": "null"]),
        Case(
            "unknown header members",
            ["typ": "\"JOSE\"", "x5u": "\"https://evil.example\"", "jku": "\"https://evil.example\"", "x5c": "[]"]),
        Case("an escaped member name", good.replacing("\"payload\"", with: "\"p\\u0061yload\"")),
        Case("a header with spaces", header: " " + header([:]).replacing(",", with: " ,\n")),
        Case("no nonce, which is badNonce elsewhere", ["nonce": nil]),
        Case("an unpaddable nonce, which was truncated", ["nonce": "\"abcde\""]),
    ]

    @Test(arguments: tolerated) func `what the RFCs tolerate is taken`(_ the: Case) throws {
        #expect(try SignedMessage(the.body).isSigned(by: Self.key.jwk))
    }

    // MARK: malformed

    static let json: [Case] = [
        Case("empty", ""), Case("space", " "), Case("a string", "\"\(bare("protected"))\""), Case("an array", "[\(good)]"),
        Case("a number", "7"),
        Case("null", "null"), Case("an empty object", "{}"), Case("S-6.2-2 bare payload", #"{"termsOfServiceAgreed":true}"#),
        Case("cut short", String(good.dropLast())), Case("trailing bytes", good + "x"), Case("a second body", good + good),
        Case("trailing NUL", good + "\0"),
        Case("a byte order mark", "\u{FEFF}" + good), Case("a comment", "/**/" + good),
        Case("a trailing comma", good.replacing("}", with: ",}")),
        Case("single quotes", good.replacing("\"", with: "'")), Case("NaN", outer: ["x": "NaN"]),
        Case("invalid UTF-8", Array(good.utf8.dropLast()) + [0x2C, 0x22, 0xC3, 0x22, 0x3A, 0x31, 0x7D]),
        Case("a lone surrogate", outer: ["x": "\"\\ud800\""]), Case("a raw control character", outer: ["x": "\"\u{1}\""]),
        Case("deep nesting", outer: ["x": String(repeating: "[", count: 10_000)]),
        Case("protected twice", good.replacing("{", with: "{\"protected\":\(members["protected"] ?? ""),")),
        Case("payload twice", good.replacing("{", with: "{\"payload\":\"\",")),
        Case("signature twice", good.replacing("{", with: "{\"signature\":\"AA\",")),
        Case("protected twice, once escaped", good.replacing("{", with: "{\"prot\\u0065cted\":\"\",")),
        Case("an unknown member twice", good.replacing("{", with: "{\"x\":1,\"x\":1,")),
    ]
    static let serialization: [Case] = [
        Case("S-6.2-3 compact", "\(bare("protected")).\(bare("payload")).\(bare("signature"))"),
        Case(
            "S-6.2-3 general",
            #"{"payload":"\#(bare("payload"))","signatures":[{"protected":"\#(bare("protected"))","signature":"\#(bare("signature"))"}]}"#
        ),
        Case("S-6.2-4 signature and signatures", outer: ["signatures": "[]"]),
        Case("signatures null", outer: ["signatures": "null"]),
        Case("S-6.2-6 header", outer: ["header": "{\"kid\":\"1\"}"]), Case("S-6.2-6 empty header", outer: ["header": "{}"]),
        Case("header null", outer: ["header": "null"]),
        Case("S-6.2-7 no payload", outer: ["payload": nil]), Case("no protected", outer: ["protected": nil]),
        Case("no signature", outer: ["signature": nil]),
        Case("payload null", outer: ["payload": "null"]), Case("payload an object", outer: ["payload": "{}"]),
        Case("protected an object", outer: ["protected": header([:])]),
        Case("signature a number", outer: ["signature": "1"]), Case("empty protected", outer: ["protected": "\"\""]),
        Case("empty signature", outer: ["signature": "\"\""]),
        Case("Protected for protected", good.replacing("protected", with: "Protected")),
        Case("PAYLOAD for payload", good.replacing("payload", with: "PAYLOAD")),
        Case("S-6.1-5 protected padded", outer: ["protected": "\"\(bare("protected"))=\""]),
        Case("S-6.1-5 payload padded", outer: ["payload": "\"e30=\""]),
        Case("S-6.1-5 signature padded", outer: ["signature": "\"\(bare("signature"))==\""]),
        Case("payload with + and /", outer: ["payload": "\"+/+/\""]),
        Case("payload with white space", outer: ["payload": "\"e3 0\""]),
        Case("protected with a line break", outer: ["protected": "\"\(bare("protected"))\\n\""]),
        Case("payload with trailing bits", outer: ["payload": "\"e31\""]),
        Case("payload of impossible length", outer: ["payload": "\"e30e3\""]),
        Case("signature with a NUL", outer: ["signature": "\"\(bare("signature"))\\u0000\""]),
    ]
    static let headers: [Case] = [
        Case("header not JSON", header: "alg"), Case("header an array", header: "[]"), Case("header a string", header: "\"alg\""),
        Case("header empty", header: "{}"),
        Case("header with trailing bytes", header: header([:]) + "x"), Case("header with BOM", header: "\u{FEFF}" + header([:])),
        Case("alg twice", header: header([:]).replacing("{\"alg\"", with: "{\"alg\":\"none\",\"alg\"")),
        Case("nonce twice", header: "{\"nonce\":\"abc\"," + header([:]).dropFirst()),
        Case("url twice", header: "{\"url\":\"\(url)\"," + header([:]).dropFirst()),
        Case("jwk twice", header: "{\"jwk\":{}," + header([:]).dropFirst()),
        Case("x twice inside jwk", ["jwk": key.jwk.canonical.replacing("{", with: "{\"x\":\"\",")]),
        Case("header nested deep", ["x": String(repeating: "[", count: 40) + String(repeating: "]", count: 40)]),
        Case("S-6.2-9 no alg", ["alg": nil]), Case("alg a number", ["alg": "1"]), Case("alg null", ["alg": "null"]),
        Case("alg an array", ["alg": "[\"ES256\"]"]),
        Case("S-6.2-9 no url", ["url": nil]), Case("S-6.4.1-1 url a number", ["url": "7"]),
        Case("S-6.4.1-1 url an array", ["url": "[\"\(url)\"]"]), Case("url null", ["url": "null"]),
        Case("S-6.2-9 neither jwk nor kid", ["jwk": nil]), Case("S-6.2-12 jwk and kid", ["kid": "\"\(url)\""]),
        Case("jwk and kid null", ["kid": "null"]),
        Case("kid a number", ["jwk": nil, "kid": "1"]), Case("kid null", ["jwk": nil, "kid": "null"]),
        Case("kid an object", ["jwk": nil, "kid": "{}"]),
        Case("jwk null", ["jwk": "null"]), Case("jwk a string", ["jwk": "\"x\""]), Case("jwk empty", ["jwk": "{}"]),
        Case("jwk an array", ["jwk": "[\(key.jwk.canonical)]"]),
        Case("jwk with d", ["jwk": JWKTests.ec(["d": "\"AA\""])]),
        Case("jwk with a short coordinate", ["jwk": JWKTests.ec(["x": "\"AA\""])]),
        Case("jwk padded", ["jwk": JWKTests.ec(["x": "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU=\""])]),
        Case("S-6.5.2-1 nonce with + and /", ["nonce": "\"a+b/\""]), Case("S-6.5.2-1 nonce padded", ["nonce": "\"abc=\""]),
        Case("S-6.5.2-1 nonce a number", ["nonce": "7"]),
        Case("nonce null", ["nonce": "null"]), Case("nonce empty", ["nonce": "\"\""]),
        Case("nonce with a space", ["nonce": "\"abc \""]), Case("nonce not ASCII", ["nonce": "\"abcé\""]),
        Case("S-6.2-5 crit with b64", ["crit": "[\"b64\"]", "b64": "false"]),
        Case("S-6.2-5 unknown crit", ["crit": "[\"exp\"]", "exp": "1"]),
        Case("crit empty", ["crit": "[]"]), Case("crit null", ["crit": "null"]), Case("b64 false", ["b64": "false"]),
        Case("b64 true", ["b64": "true"]),
    ]

    @Test(arguments: json + serialization + headers) func `what is not of the form is malformed`(_ the: Case) {
        let refused = #expect(throws: SignedMessage.Refused.self) { try SignedMessage(the.body) }
        guard case .malformed(let reason) = refused else { return #expect(Bool(false), "\(String(describing: refused))") }
        #expect(!reason.isEmpty)
    }

    @Test func `a header that is not UTF-8 is malformed`() {
        let parts = Self.signedParts(header: Array(Self.header(["x": "\"?\""]).utf8).map { $0 == UInt8(ascii: "?") ? 0xFF : $0 })
        let body = #"{"protected":"\#(parts.protected)","payload":"\#(parts.payload)","signature":"\#(parts.signature)"}"#
        #expect(throws: SignedMessage.Refused.malformed("JSON has a string that is not UTF-8")) { try SignedMessage(body.utf8) }
    }

    // MARK: algorithms and keys

    @Test(arguments: [
        "none", "None", "NONE", "", "HS256", "HS384", "HS512", "RS1", "RS384", "RS512", "PS256", "ES256K", "es256", "ES256 ",
        "Ed448", "ML-DSA-44",
    ])
    func `S-6.2-8 S-6.2-17 an algorithm that is not served is named`(alg: String) {
        let body = Self.body(header: Self.header(["alg": "\"\(alg)\""]))
        #expect(throws: SignedMessage.Refused.unsupportedAlgorithm(alg)) { try SignedMessage(body.utf8) }
    }

    static let badKeys: [Case] = [
        Case("RS256 with an EC key", ["alg": "\"RS256\""]), Case("ES384 with P-256", ["alg": "\"ES384\""]),
        Case("EdDSA with P-256", ["alg": "\"EdDSA\""]),
        Case("ES256 with an RSA key", ["jwk": WorkedKeys.rsa]),
        Case("ES256 with P-384", ["jwk": SigningKey(.p384).jwk.canonical]),
        Case("ES256 with Ed25519", ["jwk": WorkedKeys.ed25519]), Case("oct", ["jwk": #"{"kty":"oct","k":"AAAA"}"#]),
        Case("off the curve", ["jwk": JWKTests.ec(["x": JWKTests.zeros])]),
        Case("identity", ["jwk": JWKTests.ec(["x": JWKTests.zeros, "y": JWKTests.zeros])]),
        Case("Ed448", ["alg": "\"EdDSA\"", "jwk": JWKTests.ec(["crv": "\"Ed448\""], of: WorkedKeys.ed25519)]),
        Case(
            "RSA-1024",
            [
                "alg": "\"RS256\"",
                "jwk": JWKTests.rsa {
                    $0 = Array($0.suffix(128)); $0[0] |= 0x80
                },
            ]),
        Case("RSA e = 1", ["alg": "\"RS256\"", "jwk": JWKTests.rsa({ _ in }, e: [1])]),
        Case("ML-DSA", ["jwk": #"{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA"}"#]),
    ]

    @Test(arguments: badKeys) func `S-6.2-18 a key that is not served or does not fit alg is a bad key`(_ the: Case) {
        let refused = #expect(throws: SignedMessage.Refused.self) { try SignedMessage(the.body) }
        guard case .badPublicKey = refused else { return #expect(Bool(false), "\(String(describing: refused))") }
    }

    // MARK: signatures

    static let order: [UInt8] = [
        0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA, 0xAD,
        0xA7, 0x17, 0x9E,
        0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
    ]
    static let zero = [UInt8](repeating: 0, count: 32)
    static let signature = (try? Base64URL.decode(bare("signature"))) ?? []
    static let der: [UInt8] = [0x30, 0x44, 0x02, 0x20] + signature.prefix(32) + [0x02, 0x20] + signature.suffix(32)

    static let others: [[UInt8]] = {
        let (r, s) = (Array(signature.prefix(32)), Array(signature.suffix(32)))
        let ones = [UInt8](repeating: 255, count: 64)
        return [
            [0], zero + zero, zero + s, r + zero, order + s, r + order, ones, Array(signature.dropLast()), signature + [0],
            [0] + signature,
        ]
            + [s + r, der, signature + zero, [UInt8](repeating: 7, count: 96)]
    }()

    @Test(arguments: others)
    func `S-6.2-10 S-6.2-14 another signature is not taken`(other: [UInt8]) throws {
        let the = Case("", outer: ["signature": "\"\(Base64URL.encode(other))\""])
        #expect(try !SignedMessage(the.body).isSigned(by: Self.key.jwk))
    }

    @Test func `S-6.2-1 each flipped bit of the signature, and other payloads and headers, are noticed`() throws {
        for bit in 0..<512 {
            var flipped = Self.signature
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            let the = Case("", outer: ["signature": "\"\(Base64URL.encode(flipped))\""])
            #expect(try !SignedMessage(the.body).isSigned(by: Self.key.jwk))
        }
        #expect(try !SignedMessage(Case("", outer: ["payload": "\"\""]).body).isSigned(by: Self.key.jwk))
        let header = "\"\(Base64URL.encode(Self.header(["nonce": "\"abd\""]).utf8))\""
        #expect(try !SignedMessage(Case("", outer: ["protected": header]).body).isSigned(by: Self.key.jwk))
    }

    @Test func `a kid's key of another kind does not verify`() throws {
        let body = Self.body(header: Self.header(["jwk": nil, "kid": "\"\(Self.url)\""]))
        let message = try SignedMessage(body.utf8)
        #expect(message.isSigned(by: Self.key.jwk))
        for kind in [SigningKey.Kind.p384, .p521, .ed25519, .p256] { #expect(!message.isSigned(by: SigningKey(kind).jwk)) }
        #expect(!message.isSigned(by: try JWK(canonical: WorkedKeys.rsa)))
    }

    @Test func `an RSA signature has the modulus's length`() throws {
        let key = SigningKey(.rsa2048)
        let signature = try key.sign([1])
        #expect(key.jwk.isValid(signature, over: [1], by: .rs256))
        #expect(!key.jwk.isValid([0] + signature, over: [1], by: .rs256))
        #expect(!key.jwk.isValid(Array(signature.dropLast()), over: [1], by: .rs256))
        #expect(!key.jwk.isValid([], over: [1], by: .rs256))
    }

    @Test func `cut anywhere a body is refused`() {
        let body = Array(Self.good.utf8)
        for end in body.indices { #expect(throws: SignedMessage.Refused.self) { try SignedMessage(body[..<end]) } }
    }

    @Test func `the inner message has a jwk and no nonce`() throws {
        let key = Self.key
        let inner = try SignedMessage(inner: key.message(payload: [], url: Self.url, nonce: nil, signer: nil))
        #expect(inner.isSigned(by: key.jwk) && inner.nonce == nil)
        let withNonce = try key.message(payload: [], url: Self.url, nonce: "abc", signer: nil)
        #expect(throws: SignedMessage.Refused.malformed("the inner message has a nonce")) { try SignedMessage(inner: withNonce) }
        let withAccount = try key.message(payload: [], url: Self.url, nonce: nil, signer: .kid(Self.url))
        #expect(throws: SignedMessage.Refused.malformed("the inner message does not name its key by jwk")) {
            try SignedMessage(inner: withAccount)
        }
        #expect(throws: SignedMessage.Refused.self) { try SignedMessage(inner: Array(#"{"account":"x"}"#.utf8)) }
        #expect(throws: SignedMessage.Refused.self) { try SignedMessage(inner: []) }
    }
}
