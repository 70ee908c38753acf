import ACME
import Authority
import Foundation
import Testing

/// reliability.md 3.1, JSON and serialization: bodies that are no flattened JWS, or not quite one.
struct SerializationTests {
    /// The three parts of a request that would be granted, to be put together wrongly.
    static func parts(
        _ name: String, _ status: Int = 400, _ type: String = "malformed",
        _ make: @escaping @Sendable (String, String, String) -> String
    )
        -> Hostile
    {
        Hostile(name, status, type) { hostile in
            let forge = hostile.newOrder
            return make(forge.protectedPart, forge.payloadPart, Base64URL.encode(forge.signature))
        }
    }

    static let json: [Hostile] = [
        Hostile("an array", 400) { _ in "[]" },
        Hostile("a string", 400) { _ in #""x""# },
        Hostile("null", 400) { _ in "null" },
        Hostile("an empty object", 400) { _ in "{}" },
        parts("protected twice") { #"{"protected":"\#($0)","protected":"\#($0)","payload":"\#($1)","signature":"\#($2)"}"# },
        parts("payload twice") { #"{"protected":"\#($0)","payload":"\#($1)","payload":"\#($1)","signature":"\#($2)"}"# },
        parts("signature twice") { #"{"protected":"\#($0)","payload":"\#($1)","signature":"\#($2)","signature":"\#($2)"}"# },
        parts("signature twice, once escaped") {
            #"{"protected":"\#($0)","payload":"\#($1)","signature":"\#($2)","sign\u0061ture":"\#($2)"}"#
        },
        parts("a NUL behind it") { #"{"protected":"\#($0)","payload":"\#($1)","signature":"\#($2)"}"# + "\0" },
        parts("a byte order mark") { "\u{FEFF}" + #"{"protected":"\#($0)","payload":"\#($1)","signature":"\#($2)"}"# },
        parts("a trailing comma") { #"{"protected":"\#($0)","payload":"\#($1)","signature":"\#($2)",}"# },
        parts("a comment") { #"{"protected":"\#($0)","payload":"\#($1)","signature":"\#($2)"/**/}"# },
        parts("cut off") { String(#"{"protected":"\#($0)","payload":"\#($1)","signature":"\#($2)"}"#.dropLast(9)) },
        parts("Protected") { #"{"Protected":"\#($0)","payload":"\#($1)","signature":"\#($2)"}"# },
        parts("NaN beside it") { #"{"protected":"\#($0)","payload":"\#($1)","signature":"\#($2)","x":NaN}"# },
        parts("a lone surrogate beside it") { #"{"protected":"\#($0)","payload":"\#($1)","signature":"\#($2)","x":"\ud800"}"# },
        Hostile("10 000 deep", 400) { _ in String(repeating: "[", count: 10_000) },
        Hostile("10 000 deep beside it", 400) { hostile in
            String(hostile.newOrder.body.dropLast()) + #","x":"# + String(repeating: "[", count: 10_000)
        },
        Hostile("the protected header is an array", 400) { hostile in
            hostile.newOrder.body(protected: Base64URL.encode("[]".utf8), payload: "e30")
        },
        Hostile("the protected header is not JSON", 400) { hostile in
            hostile.newOrder.body(protected: Base64URL.encode("alg=ES256".utf8), payload: "e30")
        },
        Hostile("the protected header is empty", 400) { $0.newOrder.body(protected: "", payload: "e30") },
        Hostile(order: "alg twice in the protected header", 400) { forge, _ in forge.adding("alg", #""ES256""#) },
        Hostile(order: "nonce twice in the protected header", 400) { forge, here in
            forge.adding("nonce", quote(here.world.nonces.issue()))
        },
        Hostile(order: "url twice in the protected header", 400) { forge, _ in
            forge.adding("url", quote(World.acme + "/new-order"))
        },
    ]

    static let serialization: [Hostile] = [
        parts("S-6.2-3 the compact form") { "\($0).\($1).\($2)" },
        parts("S-6.2-3 the general form") { #"{"payload":"\#($1)","signatures":[{"protected":"\#($0)","signature":"\#($2)"}]}"# },
        parts("S-6.2-4 signature and signatures") {
            #"{"protected":"\#($0)","payload":"\#($1)","signature":"\#($2)","signatures":[{"protected":"\#($0)","signature":"\#($2)"}]}"#
        },
        parts("S-6.2-4 no signatures at all") { part, payload, _ in
            #"{"protected":"\#(part)","payload":"\#(payload)","signatures":[]}"#
        },
        parts("S-6.2-6 an unprotected header") {
            #"{"protected":"\#($0)","header":{"kid":"x"},"payload":"\#($1)","signature":"\#($2)"}"#
        },
        parts("S-6.2-6 an empty unprotected header") {
            #"{"protected":"\#($0)","header":{},"payload":"\#($1)","signature":"\#($2)"}"#
        },
        parts("S-6.2-7 no payload") { #"{"protected":"\#($0)","signature":"\#($2)"}"# },
        parts("no protected header") { #"{"payload":"\#($1)","signature":"\#($2)"}"# },
        parts("no signature") { part, payload, _ in #"{"protected":"\#(part)","payload":"\#(payload)"}"# },
        parts("payload null") { #"{"protected":"\#($0)","payload":null,"signature":"\#($2)"}"# },
        parts("payload an object") { #"{"protected":"\#($0)","payload":{},"signature":"\#($2)"}"# },
        parts("signature a number") { part, payload, _ in #"{"protected":"\#(part)","payload":"\#(payload)","signature":1}"# },
        parts("protected an object") { #"{"protected":{"alg":"ES256"},"payload":"\#($1)","signature":"\#($2)"}"# },
        parts("S-6.1-5 protected padded") { #"{"protected":"\#($0)=","payload":"\#($1)","signature":"\#($2)"}"# },
        parts("S-6.1-5 payload padded") { #"{"protected":"\#($0)","payload":"\#($1)==","signature":"\#($2)"}"# },
        parts("S-6.1-5 signature padded") { #"{"protected":"\#($0)","payload":"\#($1)","signature":"\#($2)=="}"# },
        parts("white space in base64url") { #"{"protected":"\#($0)","payload":" \#($1)","signature":"\#($2)"}"# },
        parts("a line end in base64url") { #"{"protected":"\#($0)","payload":"\#($1)\n","signature":"\#($2)"}"# },
        parts("the other base64 alphabet") { #"{"protected":"\#($0)","payload":"\#($1)","signature":"+/\#($2.dropFirst(2))"}"# },
        parts("bits left over in base64url") { #"{"protected":"\#($0)","payload":"\#($1)","signature":"\#($2.dropLast())B"}"# },
        parts("an empty signature") { part, payload, _ in #"{"protected":"\#(part)","payload":"\#(payload)","signature":""}"# },
        parts("a signature cut short") { #"{"protected":"\#($0)","payload":"\#($1)","signature":"\#($2.dropLast(4))"}"# },
        parts("payload of another request") { part, _, signature in
            #"{"protected":"\#(part)","payload":"e30","signature":"\#(signature)"}"#
        },
    ]

    @Test(arguments: json)
    func `a body that is not strict JSON of the right shape is malformed`(_ hostile: Hostile) async throws {
        try await expectRefusal(hostile)
    }

    @Test(arguments: serialization)
    func `a JWS that is not the flattened form of RFC 8555 section 6.2 is malformed`(_ hostile: Hostile) async throws {
        try await expectRefusal(hostile)
    }

    @Test func `S-5-1 a body that is not UTF-8 is malformed`() async throws {
        let here = try await HostileWorld.shared.value
        var wire = Wire("/acme/default/new-order", here.newOrder.body)
        wire.body.insert(contentsOf: Array(#""x":""#.utf8) + [0xFF] + Array(#"","#.utf8), at: 1)
        let answer = try await here.world.ask(wire)
        #expect(answer.status == 400)
        #expect(answer.problem == "malformed")
        #expect(try await here.isUnchanged())
    }

    static let payloads: [(String, String, Int, String)] = [
        ("new-order", "[]", 400, "malformed"), ("new-order", "\"\"", 400, "malformed"), ("new-order", "null", 400, "malformed"),
        ("new-order", "1e400", 400, "malformed"), ("new-order", "{", 400, "malformed"), ("new-order", "", 400, "malformed"),
        ("new-order", "{}", 400, "malformed"), ("new-order", #"{"identifiers":null}"#, 400, "malformed"),
        ("new-order", #"{"identifiers":{}}"#, 400, "malformed"), ("new-order", #"{"identifiers":[]}"#, 400, "malformed"),
        ("new-order", #"{"identifiers":["a.example"]}"#, 400, "malformed"),
        ("new-order", #"{"identifiers":[{"type":"dns"}]}"#, 400, "malformed"),
        ("new-order", #"{"identifiers":[{"type":"dns","value":7}]}"#, 400, "malformed"),
        ("new-order", #"{"identifiers":[{"type":"dns","value":"a.example"}],"identifiers":[]}"#, 400, "malformed"),
        ("new-order", #"{"identifiers":[{"type":"dns","value":"a.example"}],"notBefore":"tomorrow"}"#, 400, "malformed"),
        ("new-order", #"{"identifiers":[{"type":"dns","value":"a.example"}],"notAfter":1800000000}"#, 400, "malformed"),
        ("new-order", #"{"identifiers":[{"type":"ip","value":"192.0.2.1"}]}"#, 400, "unsupportedIdentifier"),
        ("new-order", #"{"identifiers":[{"type":"dns","value":"192.0.2.1"}]}"#, 400, "malformed"),
        ("new-order", #"{"identifiers":[{"type":"dns","value":"a..example"}]}"#, 400, "malformed"),
        ("new-order", #"{"identifiers":[{"type":"dns","value":"*.*.example"}]}"#, 400, "malformed"),
        ("key-change", "", 400, "malformed"), ("key-change", "{}", 400, "malformed"), ("revoke-cert", "", 400, "malformed"),
        ("revoke-cert", "{}", 400, "malformed"), ("revoke-cert", #"{"certificate":7}"#, 400, "malformed"),
        ("revoke-cert", #"{"certificate":"AAA="}"#, 400, "malformed"),
        ("revoke-cert", #"{"certificate":"AAAA"}"#, 400, "malformed"),
    ]
    @Test(arguments: payloads)
    func `a payload that cannot be what the resource wants is refused`(
        _ path: String, _ payload: String, _ status: Int, _ type: String
    ) async throws {
        try await expectRefusal(Hostile(post: "\(path) \(payload)", status, type, at: { _ in World.acme + "/" + path }, payload))
    }

    @Test(arguments: [
        ("identifiers", #"{"identifiers":7}"#),
        ("notBefore", #"{"identifiers":[{"type":"dns","value":"a.example"}],"notBefore":7}"#),
    ])
    func `the member that is wrong is named`(_ member: String, _ payload: String) async throws {
        let here = try await HostileWorld.shared.value
        let answer = try await here.holder.post(World.acme + "/new-order", payload)
        #expect(answer.json?["detail"]?.string?.contains("\"\(member)\"") == true)
    }
}
