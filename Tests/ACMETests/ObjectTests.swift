import ACME
import Foundation
import Testing

struct ObjectTests {
    static func text(_ value: some Encodable) throws -> String {
        let json = try JSON(parsing: JSONEncoder.acme.encode(value))
        return write(json)
    }
    /// With sorted members, to compare.
    static func write(_ json: JSON) -> String {
        switch json {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let value): value
        case .string(let value): "'\(value)'"
        case .array(let values): "[" + values.map(write).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.sorted { $0.key < $1.key }.map { "\($0):\(write($1))" }.joined(separator: ",") + "}"
        }
    }
    static func round<Value: Codable & Equatable>(_ value: Value) throws -> Bool {
        try JSONDecoder.acme.decode(Value.self, strictly: Array(JSONEncoder.acme.encode(value))) == value
    }
    let soon = Date(timeIntervalSince1970: 1_795_564_800)

    @Test func `members that are not there are left out, never null`() throws {
        #expect(
            try Self.text(Problem(.malformed, 400, "No."))
                == "{detail:'No.',status:400,type:'urn:ietf:params:acme:error:malformed'}")
        #expect(try Self.text(Account(status: .valid)) == "{status:'valid'}")
        #expect(try Self.text(NewAccount()) == "{}")
        #expect(try Self.text(AccountUpdate(contact: [])) == "{contact:[]}")
        #expect(
            try Self.text(Challenge(type: "http-01", url: "u", status: .pending)) == "{status:'pending',type:'http-01',url:'u'}")
        #expect(try Self.text(Revocation(certificate: "AA")) == "{certificate:'AA'}")
        #expect(
            try Self.text(
                Directory(newNonce: "1", newAccount: "2", newOrder: "3", revokeCert: "4", keyChange: "5", meta: .init()))
                == "{keyChange:'5',meta:{},newAccount:'2',newNonce:'1',newOrder:'3',revokeCert:'4'}")
        #expect(
            try Self.text(Authorization(identifier: .dns("a.example"), status: .pending, challenges: []))
                == "{challenges:[],identifier:{type:'dns',value:'a.example'},status:'pending'}")
        #expect(
            try Self.text(
                Order(status: .pending, expires: soon, identifiers: [.dns("*.a")], authorizations: ["x"], finalize: "f"))
                == "{authorizations:['x'],expires:'2026-11-25T00:00:00Z',finalize:'f',identifiers:[{type:'dns',value:'*.a'}],status:'pending'}"
        )
    }

    @Test func `slashes are written plain`() throws {
        let written = try JSONEncoder.acme.encode(OrderList(orders: ["https://ca.example/acme/order/1"]))
        #expect(String(decoding: written, as: UTF8.self) == #"{"orders":["https://ca.example/acme/order/1"]}"#)
    }

    @Test func `objects survive`() throws {
        let problem = Problem(.dns, 400, "Why.", subproblems: [Problem(.caa, 403, "No.", identifier: .dns("a"))])
        #expect(try Self.round(problem))
        #expect(
            try Self.round(
                Order(
                    status: .invalid, expires: soon, identifiers: [.dns("a")], notBefore: soon, notAfter: soon, error: problem,
                    authorizations: ["x"], finalize: "f", certificate: "c", replaces: "AA.AA")))
        #expect(
            try Self.round(
                Authorization(
                    identifier: .dns("a"), status: .revoked, expires: soon,
                    challenges: [
                        Challenge(type: "dns-01", url: "u", status: .valid, token: "t", validated: soon, error: problem)
                    ], wildcard: true)))
        #expect(
            try Self.round(
                NewAccount(
                    contact: ["mailto:é@example"], termsOfServiceAgreed: true, onlyReturnExisting: false,
                    externalAccountBinding: FlattenedJWS(protected: "a", payload: "b", signature: "c"))))
        #expect(try Self.round(Account(status: .deactivated, contact: [], termsOfServiceAgreed: false, orders: "u")))
        #expect(try Self.round(NewOrder(identifiers: [.dns("a")], notBefore: soon, notAfter: soon, replaces: "AA.AA")))
        #expect(try Self.round(KeyChange(account: "u", oldKey: JWK(canonical: WorkedKeys.rsa))))
        #expect(try Self.round(Finalize(csr: "AA")))
        #expect(
            try Self.round(
                Directory(
                    newNonce: "1", newAccount: "2", newOrder: "3", newAuthz: "6", revokeCert: "4", keyChange: "5",
                    renewalInfo: "7",
                    meta: .init(
                        termsOfService: "t", website: "w", caaIdentities: ["c"], externalAccountRequired: true,
                        profiles: ["p": "d"]))))
    }

    @Test(arguments: [
        (#"{"identifiers":[{"type":"dns","value":7}]}"#, "member identifiers.0.value is not of the type wanted"),
        (#"{"identifiers":[{"type":"dns"}]}"#, "member identifiers.0.value is missing"),
        (#"{}"#, "member identifiers is missing"),
        (#"{"identifiers":{}}"#, "member identifiers is not of the type wanted"),
        (#"{"identifiers":null}"#, "member identifiers is null"),
        (#"{"identifiers":[],"notAfter":"tomorrow"}"#, "member notAfter time is not of RFC 3339's form"),
        (#"{"identifiers":[],"notAfter":7}"#, "member notAfter is not of the type wanted"),
        (#"{"identifiers":[],"identifiers":[]}"#, "JSON has the same member twice"), ("[]", "JSON is not an object"),
        ("", "JSON ends too early"), ("null", "JSON is not an object"),
    ])
    func `a payload that does not fit is refused, and the member named`(payload: String, reason: String) {
        #expect(throws: Malformed(reason)) { try JSONDecoder.acme.decode(NewOrder.self, strictly: payload.utf8) }
    }

    @Test func `values of no meaning are not repeated`() {
        let payload = #"{"type":"http-01","url":"u","status":"<script>"}"#
        #expect(throws: Malformed("member status is not of the values wanted")) {
            try JSONDecoder.acme.decode(Challenge.self, strictly: payload.utf8)
        }
        let change = #"{"account":"u","oldKey":{"kty":"oct","k":"AA"}}"#
        #expect(throws: Malformed("a symmetric key cannot be an account key")) {
            try JSONDecoder.acme.decode(KeyChange.self, strictly: change.utf8)
        }
    }

    @Test func `S-7.3-2 unknown members are ignored`() throws {
        let wanted = try JSONDecoder.acme.decode(
            NewAccount.self, strictly: #"{"orders":7,"x":{},"termsOfServiceAgreed":true}"#.utf8)
        #expect(wanted == NewAccount(termsOfServiceAgreed: true))
    }

    @Test(arguments: [
        ("{}", "about:blank", nil), (#"{"type":7,"detail":"d","status":"x"}"#, "about:blank", "d"),
        (
            #"{"type":"urn:ietf:params:acme:error:badNonce","detail":[],"subproblems":7,"identifier":{}}"#,
            "urn:ietf:params:acme:error:badNonce", nil
        ),
    ])
    func `a poor problem document still says what it can`(text: String, type: String, detail: String?) throws {
        let problem = try JSONDecoder.acme.decode(Problem.self, from: Data(text.utf8))
        #expect(problem.type == type && problem.detail == detail && problem.status == nil && problem.subproblems == nil)
    }

    @Test(arguments: ErrorType.allCases) func `S-6.7-2 error types are found by their URN`(type: ErrorType) {
        let problem = Problem(type, 400, "")
        #expect(problem.type == "urn:ietf:params:acme:error:\(type.rawValue)")
        #expect(problem.errorType == type)
    }

    @Test func `the error types are those of RFC 8555 and RFC 9773`() {
        #expect(ErrorType.allCases.count == 25)
        var other = Problem(.malformed, 400, "")
        for type in ["malformed", "urn:ietf:params:acme:error:", "urn:ietf:params:acme:error:Malformed", "about:blank"] {
            other.type = type
            #expect(other.errorType == nil)
        }
    }

    @Test func `challenge types are spelled as registered`() {
        #expect(ChallengeType.allCases.map(\.rawValue) == ["http-01", "dns-01", "tls-alpn-01"])
        #expect(SignatureAlgorithm.allCases.map(\.rawValue) == ["ES256", "ES384", "ES512", "RS256", "EdDSA", "Ed25519"])
    }
}
