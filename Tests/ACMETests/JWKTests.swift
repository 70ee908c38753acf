import ACME
import Foundation
import Testing

struct JWKTests {
    @Test(arguments: [
        (WorkedKeys.p256, WorkedKeys.p256Thumbprint), (WorkedKeys.leadingZero, WorkedKeys.leadingZeroThumbprint),
        (WorkedKeys.ed25519, WorkedKeys.ed25519Thumbprint), (WorkedKeys.rsa, WorkedKeys.rsaThumbprint),
    ])
    func `thumbprints are those of the worked examples`(canonical: String, thumbprint: String) throws {
        let key = try JWK(canonical: canonical)
        #expect(key.thumbprint == thumbprint)
        #expect(key.canonical == canonical)
    }

    @Test func `order, spaces and members of no use change nothing`() throws {
        let (x, y) = ("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")
        let text = #" {"y":"\#(y)", "use":"sig", "kid":"7", "x":"\#(x)", "key_ops":["verify"], "kty":"EC", "crv":"P-256"} "#
        let key = try JWK(JSON(parsing: text.utf8))
        #expect(key == (try JWK(canonical: WorkedKeys.p256)))
        #expect(key.canonical == WorkedKeys.p256)
        #expect(throws: JWK.Refused.self) { try JWK(canonical: text) }
    }

    @Test func `keys are equal by thumbprint`() throws {
        let one = try JWK(canonical: WorkedKeys.p256)
        #expect(Set([one, try JWK(canonical: WorkedKeys.p256), try JWK(canonical: WorkedKeys.ed25519)]).count == 2)
        #expect(one != (try JWK(canonical: WorkedKeys.leadingZero)))
    }

    @Test func `a key is coded as its canonical members`() throws {
        for canonical in [WorkedKeys.p256, WorkedKeys.ed25519, WorkedKeys.rsa] {
            let key = try JWK(canonical: canonical)
            let coded = try JSONEncoder.acme.encode(["oldKey": key])
            #expect(try JSON(parsing: coded)["oldKey"] == JSON(parsing: canonical.utf8))
            #expect(try JSONDecoder.acme.decode([String: JWK].self, from: coded) == ["oldKey": key])
        }
        let secret = #"{"crv":"Ed25519","d":7,"kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
        #expect(throws: JWK.Refused.self) { try JSONDecoder.acme.decode(JWK.self, from: Data(secret.utf8)) }
    }

    @Test func `RFC 8037 A.4 verifies under both names, and under no other`() throws {
        let key = try JWK(canonical: WorkedKeys.ed25519)
        let signed = Array("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".utf8)
        let signature = try Base64URL.decode(
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
        for algorithm in SignatureAlgorithm.allCases {
            #expect(key.isValid(signature, over: signed, by: algorithm) == [.edDSA, .ed25519].contains(algorithm))
        }
        #expect(!key.isValid(signature, over: signed + [0], by: .edDSA))
    }

    @Test func `RFC 7515 A.3 verifies`() throws {
        let key = try JWK(canonical: WorkedKeys.p256)
        let signed = """
            eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ
            """
        let signature = try Base64URL.decode(
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")
        #expect(key.isValid(signature, over: Array(signed.utf8), by: .es256))
    }

    // MARK: refusals

    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let json: String
        var testDescription: String { name }
        init(_ name: String, _ json: String) { (self.name, self.json) = (name, json) }
    }

    static func ec(_ changes: [String: String?], of canonical: String = WorkedKeys.p256) -> String {
        var members = (try? JSON(parsing: canonical.utf8))?.object?.mapValues { "\"\($0.string ?? "")\"" } ?? [:]
        for (name, value) in changes { members[name] = value }
        return "{" + members.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
    }
    static func rsa(_ change: (inout [UInt8]) -> Void, e: [UInt8] = [1, 0, 1]) -> String {
        var n = (try? Base64URL.decode(WorkedKeys.modulus)) ?? []
        change(&n)
        return #"{"e":"\#(Base64URL.encode(e))","kty":"RSA","n":"\#(Base64URL.encode(n))"}"#
    }
    static func quoted(_ octets: [UInt8]) -> String { "\"\(Base64URL.encode(octets))\"" }
    static let zeros = quoted(Array(repeating: 0, count: 32))
    static let xNegated = Array((try? Base64URL.decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")) ?? [])

    static let malformed: [Case] = [
        Case("no object", "7"), Case("a string", "\"EC\""), Case("an array", "[]"), Case("null", "null"), Case("empty", "{}"),
        Case("kty missing", ec(["kty": nil])), Case("kty a number", ec(["kty": "1"])), Case("crv missing", ec(["crv": nil])),
        Case("crv null", ec(["crv": "null"])), Case("x missing", ec(["x": nil])), Case("y missing", ec(["y": nil])),
        Case("x a number", ec(["x": "5"])), Case("y an array", ec(["y": "[]"])), Case("x empty", ec(["x": "\"\""])),
        Case("x padded", ec(["x": "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU=\""])),
        Case("x in base64's alphabet", ec(["y": "\"x/FEzRu9m36HLN/tue659LNpXW6pCyStikYjKIWI5a0\""])),
        Case("x with trailing bits", ec(["x": "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEV\""])),
        Case("x with white space", ec(["x": "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU \""])),
        Case(
            "x without its leading zero", ec(["x": "\"VUOJSvPQDtfXQKvb11yWsGh3t4fbX3Dup4uQqNfACg\""], of: WorkedKeys.leadingZero)),
        Case("x with a zero octet more", ec(["x": quoted([0] + xNegated)])),
        Case("x of another curve's length", ec(["crv": "\"P-384\""])),
        Case("P-521 with 65 octets", ec(["crv": "\"P-521\"", "x": quoted(Array(repeating: 1, count: 65))])),
        Case("EC with d", ec(["d": "\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\""])),
        Case("EC with d null", ec(["d": "null"])),
        Case("OKP with d", ec(["d": "\"AA\""], of: WorkedKeys.ed25519)),
        Case("RSA with d", ec(["d": "\"AQ\""], of: WorkedKeys.rsa)),
        Case("RSA with p", ec(["p": "\"AQ\""], of: WorkedKeys.rsa)), Case("RSA with oth", ec(["oth": "[]"], of: WorkedKeys.rsa)),
        Case("EC with k", ec(["k": "\"AQ\""])),
        Case("n missing", ec(["n": nil], of: WorkedKeys.rsa)), Case("e missing", ec(["e": nil], of: WorkedKeys.rsa)),
        Case("e a number", ec(["e": "65537"], of: WorkedKeys.rsa)), Case("n empty", ec(["n": "\"\""], of: WorkedKeys.rsa)),
        Case("e empty", ec(["e": "\"\""], of: WorkedKeys.rsa)), Case("n with a leading zero", rsa { $0.insert(0, at: 0) }),
        Case("e with a leading zero", rsa({ _ in }, e: [0, 1, 0, 1])), Case("e = 0", rsa({ _ in }, e: [0])),
        Case("Ed25519 with 31 octets", ec(["x": quoted(Array(repeating: 1, count: 31))], of: WorkedKeys.ed25519)),
        Case("Ed25519 without x", ec(["x": nil], of: WorkedKeys.ed25519)),
        Case("OKP without crv", ec(["crv": nil], of: WorkedKeys.ed25519)),
    ]

    @Test(arguments: malformed) func `what is no JWK is malformed`(_ the: Case) throws {
        let json = try JSON(parsing: the.json.utf8)
        let refused = #expect(throws: JWK.Refused.self) { try JWK(json) }
        guard case .malformed = refused else { return #expect(Bool(false), "\(String(describing: refused))") }
    }

    static let unsupported: [Case] = [
        Case("oct", #"{"kty":"oct","k":"AAAA"}"#), Case("kty unknown", #"{"kty":"XX"}"#),
        Case("kty in lower case", ec(["kty": "\"ec\""])),
        Case("ML-DSA", #"{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA"}"#), Case("kty empty", ec(["kty": "\"\""])),
        Case("secp256k1", ec(["crv": "\"secp256k1\""])), Case("P-224", ec(["crv": "\"P-224\""])),
        Case("crv in lower case", ec(["crv": "\"p-256\""])),
        Case("Ed448", ec(["crv": "\"Ed448\""], of: WorkedKeys.ed25519)),
        Case("X25519", ec(["crv": "\"X25519\""], of: WorkedKeys.ed25519)),
        Case("EC with Ed25519", ec(["crv": "\"Ed25519\""])),
        Case("OKP with P-256", ec(["crv": "\"P-256\""], of: WorkedKeys.ed25519)),
        Case("point off the curve", ec(["y": "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a4\""])),
        Case(
            "x and y exchanged",
            ec(["x": "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"", "y": "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\""])),
        Case("zeros for the identity", ec(["x": zeros, "y": zeros])),
        Case("coordinate beyond the field", ec(["x": quoted(Array(repeating: 255, count: 32))])),
        Case(
            "RSA-512",
            rsa {
                $0 = Array($0.suffix(64)); $0[0] |= 0x80
            }),
        Case(
            "RSA-1024",
            rsa {
                $0 = Array($0.suffix(128)); $0[0] |= 0x80
            }),
        Case("RSA-2047", rsa { $0[0] &= 0x7F }), Case("RSA-4097", rsa { $0 = [1] + $0 + $0 }),
        Case("RSA-16385", rsa { $0 = [1] + Array(repeating: 255, count: 2048) }),
        Case("e = 1", rsa({ _ in }, e: [1])), Case("e = 2", rsa({ _ in }, e: [2])),
        Case("e = 65536", rsa({ _ in }, e: [1, 0, 0])),
        Case("e of 33 bits", rsa({ _ in }, e: [1, 0, 0, 0, 1])),
        Case("e as long as n", rsa({ _ in }, e: Array(repeating: 255, count: 256))),
        Case("n even", rsa { $0[$0.count - 1] &= 0xFE }),
    ]

    @Test(arguments: unsupported) func `S-6.2-18 a key that is not served is a bad key`(_ the: Case) throws {
        let json = try JSON(parsing: the.json.utf8)
        let refused = #expect(throws: JWK.Refused.self) { try JWK(json) }
        guard case .unsupported = refused else { return #expect(Bool(false), "\(String(describing: refused))") }
    }

    @Test(arguments: [[3], [1, 0, 1], [0xFF, 0xFF, 0xFF, 0xFF]] as [[UInt8]]) func `odd exponents from 3 to 32 bits are taken`(
        e: [UInt8]
    ) throws {
        #expect(try JWK(JSON(parsing: Self.rsa({ _ in }, e: e).utf8)).algorithms == [.rs256])
    }
}
