import ACME
import Authority
import Foundation
import PKIX
import Store
import Testing

struct OrderTests {
    @Test func `S-7.4-3 an order folds and dedupes its names and has an authorization for each`() async throws {
        let house = try await House()
        let account = try await house.account()
        let order = try await house.order(["WWW.Example.ORG", "*.example.org", "www.example.org", "host"], account)
        #expect(order.order.identifiers == [.dns("www.example.org"), .dns("*.example.org"), .dns("host")])
        #expect(order.authorizations.map(\.identifier.value) == ["www.example.org", "example.org", "host"])
        #expect(order.authorizations.map(\.wildcard) == [false, true, false])
        #expect(
            order.authorizations.map { $0.challenges.map(\.type) } == [ChallengeType.allCases, [.dns01], ChallengeType.allCases])
        #expect(order.status(at: house.time.now) == .pending)
        #expect(Set(order.authorizations.map(\.token)).count == 3)
        for authorization in order.authorizations {
            #expect(isToken(authorization.token) && authorization.token.count >= 22)
            let read = try await house.authority.authorization(authorization.id, for: account.id)
            #expect(read.identifier == authorization.identifier && read.status == .pending)
        }
    }

    static let bad: [([Identifier], ErrorType, Int)] = [
        ([], .malformed, 0), ([.dns("a_b.example")], .malformed, 0), ([.dns("")], .malformed, 0),
        ([.dns("a.example.")], .malformed, 0),
        ([.dns("127.0.0.1")], .malformed, 0), ([.dns("*.*.example")], .malformed, 0), ([.dns("a.*.example")], .malformed, 0),
        ([.dns("*")], .malformed, 0), ([.dns("bücher.example")], .malformed, 0), ([.dns("xn--a")], .malformed, 0),
        ([Identifier(type: "ip", value: "192.0.2.1")], .unsupportedIdentifier, 0),
        ([Identifier(type: "DNS", value: "a.example")], .unsupportedIdentifier, 0),
        ([Identifier(type: "email", value: "a@b.example")], .unsupportedIdentifier, 0),
        ([.dns("a.example"), .dns("a_b.example")], .malformed, 0),
        ([.dns("b_b.example"), .dns("a_b.example"), .dns("ok.example")], .malformed, 2),
        ([.dns("b_b.example"), Identifier(type: "ip", value: "192.0.2.1")], .compound, 2),
        ((0...100).map { .dns("a\($0).example") }, .malformed, 0),
    ]
    @Test(arguments: bad) func `S-7.4-1 an order that cannot be met is refused whole`(
        names: [Identifier], type: ErrorType, parts: Int
    ) async throws {
        let house = try await House()
        let account = try await house.account()
        let refused = await refusal { try await house.authority.createOrder(NewOrder(identifiers: names), for: account.id) }
        let problem = refused.map(Problem.init)
        #expect(problem?.errorType == type)
        #expect(problem?.subproblems?.count ?? 0 == parts)
        #expect(try await house.authority.orders(of: account.id, after: nil).ids.isEmpty)
    }

    @Test func `names outside the issuer's constraints or the policy's domains are rejected`() async throws {
        var policy = AuthorityPolicy()
        policy.permittedNames = ["a.corp.example", "other.example"]
        let house = try await House(policy: policy, permitted: ["corp.example"])
        let account = try await house.account()
        _ = try await house.order(["a.corp.example", "x.a.corp.example", "*.a.corp.example"], account)
        for name in ["other.example", "b.corp.example", "corp.example", "xa.corp.example", "*.corp.example"] {
            let refused = await refusal { try await house.order([name], account) }
            #expect(refused.map(Problem.init)?.errorType == .rejectedIdentifier)
            #expect(refused.map(Problem.init)?.status == 403)
        }
    }

    /// Seconds from now; a whole minute is 1_800_000_000.
    static let validities: [(Double?, Double?, Bool)] = [
        (nil, nil, true), (0, nil, true), (-3600, nil, true), (60, nil, true), (nil, 86_400, true), (0, 86_400, true),
        (0, 45 * 86_400 - 1, true),
        (-3601, nil, false), (61, nil, false), (0, 45 * 86_400, false), (nil, 45 * 86_400, false), (0, 0, false), (0, -1, false),
        (nil, -1, false),
        (-100, -50, false), (nil, 0, false), (nil, 86_400.5, false), (0.5, nil, false),
    ]
    @Test(arguments: validities) func `S-7.4-1 S-7.4-2 wanted times are had to the second or refused`(
        begin: Double?, end: Double?, good: Bool
    ) async throws {
        let house = try await House()
        let account = try await house.account()
        let now = house.time.now
        let wanted = NewOrder(
            identifiers: [.dns("a.example")], notBefore: begin.map { now.addingTimeInterval($0) },
            notAfter: end.map { now.addingTimeInterval($0) })
        guard good else {
            let refused = await refusal { try await house.authority.createOrder(wanted, for: account.id) }
            #expect(refused.map(Problem.init)?.errorType == .malformed)
            return
        }
        let order = try await house.authority.createOrder(wanted, for: account.id)
        try await house.prove(order, account)
        let key = try CertificateKey(.p256)
        let done = try await house.authority.finalize(
            order.order.id, csr: try CertificateRequest.make(names: ["a.example"], key: key), for: account.id)
        let certificate = try await house.certificate(of: done)
        let notBefore = wanted.notBefore ?? now.addingTimeInterval(-60)
        #expect(certificate.notBefore == notBefore)
        #expect(certificate.notAfter == wanted.notAfter ?? notBefore.addingTimeInterval(45 * 86_400 - 1))
    }

    @Test func `a certificate ends with its issuer, and no order may ask for more`() async throws {
        let house = try await House(years: 30.0 / 365)
        let account = try await house.account()
        let end = house.hierarchy.intermediate.notAfter
        let certificate = try await house.issue(["a.example"], account, try CertificateKey(.p256))
        #expect(certificate.notAfter == end)
        let refused = await refusal {
            try await house.authority.createOrder(
                NewOrder(identifiers: [.dns("a.example")], notAfter: end.addingTimeInterval(1)), for: account.id)
        }
        #expect(refused.map(Problem.init)?.errorType == .malformed)
    }

    @Test func `S-6.3-2 what is another's looks like what does not exist`() async throws {
        let house = try await House()
        let (owner, other) = (try await house.account(), try await house.account())
        let order = try await house.ready(["a.example"], owner)
        let key = try CertificateKey(.p256)
        let certificate = try await house.issue(["b.example"], owner, key)
        let nothing = RecordID(at: house.time.now, random: 7)
        let authority = house.authority
        let csr = try CertificateRequest.make(names: ["a.example"], key: key)
        for id in [order.order.id, nothing] {
            #expect(await refusal { try await authority.order(id, for: other.id) } == .notYours)
            #expect(await refusal { try await authority.finalize(id, csr: csr, for: other.id) } == .notYours)
        }
        for id in [order.authorizations[0].id, nothing] {
            #expect(await refusal { try await authority.authorization(id, for: other.id) } == .notYours)
            #expect(await refusal { try await authority.deactivateAuthorization(id, for: other.id) } == .notYours)
            #expect(await refusal { try await authority.respond(id, .http01, for: other.id) } == .notYours)
        }
        for id in [certificate.id, nothing] {
            #expect(await refusal { try await authority.certificate(id, for: other.id) } == .notYours)
        }
        #expect(await refusal { try await authority.activeAccount(nothing) } == .accountDoesNotExist)
    }

    @Test func `S-7.1.2.1 orders are listed in pages without invalid ones`() async throws {
        let house = try await House()
        let account = try await house.account()
        var made: [RecordID] = []
        for index in 0..<205 {
            house.time.advance(0.001)
            made.append(try await house.order(["a\(index).example"], account).order.id)
        }
        var (ids, cursor) = try await house.authority.orders(of: account.id, after: nil)
        var pages = 1
        while let next = cursor {
            let page = try await house.authority.orders(of: account.id, after: next)
            ids += page.ids
            cursor = page.next
            pages += 1
        }
        #expect(ids == made)
        #expect(pages == 3)
        let spoiled = try await house.authority.order(made[7], for: account.id).authorizations[0].id
        _ = try await house.authority.deactivateAuthorization(spoiled, for: account.id)
        let first = try await house.authority.orders(of: account.id, after: nil)
        #expect(first.ids == Array(made[..<7] + made[8..<100]), "nothing is written on an order whose authorization has ended")
        #expect(first.next == made[99])
        house.time.advance(8 * 86_400)
        #expect(try await house.authority.orders(of: account.id, after: nil).ids.isEmpty, "expired")
        _ = try await house.authority.deactivateAccount(account.id)
        #expect(try await house.authority.orders(of: account.id, after: nil).ids.isEmpty)
    }

    @Test func `S-7.4-4 an order expires by the clock alone`() async throws {
        let house = try await House()
        let account = try await house.account()
        let pending = try await house.order(["a.example"], account)
        let ready = try await house.ready(["b.example"], account)
        house.time.advance(house.policy.orderLifetime / .seconds(1))
        for order in [pending, ready] {
            #expect(try await house.authority.order(order.order.id, for: account.id).status(at: house.time.now) == .invalid)
        }
        #expect(
            try await house.authority.authorization(pending.authorizations[0].id, for: account.id).status(at: house.time.now)
                == .expired)
    }
}
