import ACME
import Foundation
import NIOCore
import Testing

@testable import Web

/// What the writer writes is what the protocol's own coding reads.
struct JSONWriterTests {
    static let date = Date(timeIntervalSince1970: 1_800_000_000)
    static var problem: Problem {
        var problem = Problem(
            .compound, 400, "a \"quoted\" \\ line\n\r\t\u{1}\u{1F} ü \u{2028}",
            subproblems: [Problem(.caa, 403, "no", identifier: .dns("a.example"))])
        problem.instance = "https://ca.test/i"
        problem.algorithms = ["ES256"]
        problem.title = "t"
        return problem
    }

    private func read<Value: Decodable>(_: Value.Type, _ members: (inout JSONWriter) -> Void) throws -> Value {
        let bytes = Array(JSONWriter.object(members).readableBytesView)
        #expect(!String(decoding: bytes, as: UTF8.self).contains("null"))
        _ = try JSON(parsing: bytes)
        return try JSONDecoder.acme.decode(Value.self, from: Data(bytes))
    }

    @Test func `an order comes back as it was`() throws {
        let bare = Order(status: .pending, identifiers: [], authorizations: [], finalize: "f")
        #expect(try read(Order.self) { $0.members(bare) } == bare)
        let full = Order(
            status: .invalid, expires: Self.date, identifiers: [.dns("a.example"), .dns("*.b.example")], notBefore: Self.date,
            notAfter: Self.date, error: Self.problem, authorizations: ["https://ca.test/1", "https://ca.test/2"], finalize: "f",
            certificate: "c")
        #expect(try read(Order.self) { $0.members(full) } == full)
    }

    @Test func `an authorization with its challenges comes back as it was`() throws {
        let authorization = Authorization(
            identifier: .dns("a.example"), status: .valid, expires: Self.date,
            challenges: [
                Challenge(type: "http-01", url: "u", status: .valid, token: "t", validated: Self.date),
                Challenge(type: "dns-01", url: "v", status: .invalid, token: "t", error: Self.problem),
            ], wildcard: true)
        #expect(try read(Authorization.self) { $0.members(authorization) } == authorization)
    }

    @Test func `account, problem and directory come back as they were`() throws {
        let account = Account(status: .valid, contact: ["mailto:ä@example.org"], termsOfServiceAgreed: true, orders: "o")
        #expect(try read(Account.self) { $0.members(account) } == account)
        #expect(try read(Problem.self) { $0.members(Self.problem) } == Self.problem)
        let directory = Directory(
            newNonce: "1", newAccount: "2", newOrder: "3", revokeCert: "4", keyChange: "5",
            meta: .init(termsOfService: "t", website: "w", caaIdentities: ["c"], externalAccountRequired: false))
        #expect(try read(Directory.self) { $0.members(directory) } == directory)
    }
}
