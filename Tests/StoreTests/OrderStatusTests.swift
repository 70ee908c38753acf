import ACME
import Foundation
import Testing

@testable import Store

struct OrderStatusTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let stored: OrderStatus
        let authorizations: [AuthorizationStatus]
        let after: TimeInterval
        let expected: OrderStatus
        var testDescription: String { "\(stored) \(authorizations) after \(after) s: \(expected)" }
    }

    static let table = [
        Case(stored: .pending, authorizations: [.pending], after: 0, expected: .pending),
        Case(stored: .pending, authorizations: [.valid, .pending], after: 0, expected: .pending),
        Case(stored: .pending, authorizations: [.valid, .valid], after: 0, expected: .ready),
        Case(stored: .pending, authorizations: [.valid, .invalid], after: 0, expected: .invalid),
        Case(stored: .pending, authorizations: [.valid, .deactivated], after: 0, expected: .invalid),
        Case(stored: .pending, authorizations: [.valid, .revoked], after: 0, expected: .invalid),
        Case(stored: .pending, authorizations: [.expired], after: 0, expected: .invalid),
        Case(stored: .pending, authorizations: [.valid], after: 7 * day - 1, expected: .ready),
        Case(stored: .pending, authorizations: [.valid], after: 7 * day, expected: .invalid),
        Case(stored: .processing, authorizations: [.valid], after: 8 * day, expected: .processing),
        Case(stored: .processing, authorizations: [.deactivated], after: 0, expected: .processing),
        Case(stored: .valid, authorizations: [.valid], after: 800 * day, expected: .valid),
        Case(stored: .invalid, authorizations: [.valid], after: 0, expected: .invalid),
    ]

    @Test(arguments: table)
    func `an order's status follows from its authorizations and the time`(one: Case) {
        var (order, authorizations) = anyOrder(id(1), one.authorizations.indices.map { "\($0).example" })
        order.status = one.stored
        for (index, status) in one.authorizations.enumerated() { authorizations[index].status = status }
        let whole = OrderWithAuthorizations(order: order, authorizations: authorizations)
        #expect(whole.status(at: start.addingTimeInterval(one.after)) == one.expected)
    }

    @Test func `a swept authorization leaves its pending order invalid`() {
        let (order, _) = anyOrder(id(1))
        #expect(OrderWithAuthorizations(order: order, authorizations: []).status(at: start) == .invalid)
    }

    @Test func `the problem is that of the failed challenge, unless the order has its own`() {
        var (order, authorizations) = anyOrder(id(1))
        authorizations[0].status = .invalid
        authorizations[0].challenges[1].status = .invalid
        authorizations[0].challenges[1].error = refused
        #expect(OrderWithAuthorizations(order: order, authorizations: authorizations).problem == refused)
        order.error = Problem(.caa, 403, "no")
        #expect(OrderWithAuthorizations(order: order, authorizations: authorizations).problem == order.error)
    }

    @Test func `columns keep challenges and identifiers whole`() throws {
        let challenges = [
            StoredChallenge(type: .dns01, status: .valid, validated: start),
            StoredChallenge(type: .http01, status: .invalid, error: refused, attempts: 3),
            StoredChallenge(type: .tlsALPN01),
        ]
        #expect(try ChallengeColumn.challenges(try ChallengeColumn.text(challenges)) == challenges)
        let identifiers = [Identifier.dns("*.a.example"), Identifier(type: "ip", value: "::1")]
        #expect(try IdentifierColumn.identifiers(try IdentifierColumn.text(identifiers)) == identifiers)
    }

    @Test(arguments: [
        Identifier.dns("a\nb"), .dns("a b"), Identifier(type: "d:ns", value: "a"), Identifier(type: "d\n", value: "a"),
    ])
    func `an identifier that would break its column is refused`(one: Identifier) {
        #expect(throws: StoreError.self) { try IdentifierColumn.text([one]) }
    }
}
