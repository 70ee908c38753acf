import ACME
import Foundation
import Testing

@testable import Store

struct OrderVerbTests {
    @Test(arguments: EngineKind.allCases)
    func `an order comes back whole, its authorizations in their order`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let account = try await store.makeAccount()
        var (order, authorizations) = anyOrder(account.id, (0..<100).map { "host\($0).example" })
        order.notBefore = start.addingTimeInterval(1)
        order.notAfter = start.addingTimeInterval(2)
        try await store.createOrder(order, authorizations)
        #expect(try await store.order(order.id) == OrderWithAuthorizations(order: order, authorizations: authorizations))
        #expect(try await store.authorization(authorizations[42].id) == authorizations[42])
        #expect(try await store.order(anyID()) == nil)
    }

    @Test(arguments: EngineKind.allCases)
    func `an order without a valid account is not written, nor its authorizations`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let new = anyOrder(anyID())
        await #expect(throws: StoreError.conflict("the account is not valid")) {
            try await store.createOrder(new.order, new.authorizations)
        }
        #expect(try await store.authorization(new.authorizations[0].id) == nil)
    }

    @Test(arguments: EngineKind.allCases)
    func `an account's orders are paged, and only its own`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let account = try await store.makeAccount()
        let other = try await store.makeAccount()
        var made: [RecordID] = []
        for number in 0..<5 {
            made.append(try await store.makeOrder(account.id, at: start.addingTimeInterval(Double(number))).id)
            _ = try await store.makeOrder(other.id)
        }
        let first = try await store.orders(of: account.id, limit: 3)
        let rest = try await store.orders(of: account.id, after: first.last?.id, limit: 3)
        #expect((first + rest).map(\.id) == made)
        #expect(try await store.orders(limit: 100).count == 10)
    }

    @Test(arguments: EngineKind.allCases)
    func `an authorization is deactivated by its account, from pending and valid`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let account = try await store.makeAccount()
        let order = try await store.makeOrder(account.id, ["a.example", "b.example", "c.example"])
        let (pending, begun, failed) = (order.authorizations[0], order.authorizations[1], order.authorizations[2])
        await #expect(throws: StoreError.notFound) { try await store.deactivateAuthorization(pending, account: anyID()) }
        #expect(try await store.deactivateAuthorization(pending, account: account.id).status == .deactivated)
        #expect(try await store.deactivateAuthorization(pending, account: account.id).status == .deactivated)
        #expect(try await store.order(order.id)?.status(at: start) == .invalid)

        _ = try await store.beginValidation(begun, .dns01, owner: "me", leaseUntil: start, now: start)
        try await store.deactivateAuthorization(begun, account: account.id)
        #expect(try await store.claimWork(.validation, owner: "w", leaseUntil: start, now: .distantFuture, limit: 9).isEmpty)
        // A verdict that comes late changes nothing.
        #expect(try await store.recordVerdict(begun, .dns01, .valid(until: .distantFuture), at: start).status == .deactivated)

        _ = try await store.beginValidation(failed, .dns01, owner: "me", leaseUntil: start, now: start)
        try await store.recordVerdict(failed, .dns01, .invalid(refused), at: start)
        await #expect(throws: StoreError.conflict("the authorization is invalid")) {
            try await store.deactivateAuthorization(failed, account: account.id)
        }
    }

    @Test(arguments: EngineKind.allCases)
    func `valid authorizations cover exactly their own names, until they expire`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let account = try await store.makeAccount()
        let plain = anyAuthorization(account.id, "a.example")
        let wild = anyAuthorization(account.id, "b.example", wildcard: true)
        let open = anyAuthorization(account.id, "c.example")
        let order = StoredOrder(
            id: anyID(), account: account.id, identifiers: [.dns("a.example"), .dns("*.b.example"), .dns("c.example")],
            authorizations: [plain.id, wild.id, open.id], created: start, expires: start.addingTimeInterval(day))
        try await store.createOrder(order, [plain, wild, open])
        for one in [plain, wild] {
            _ = try await store.beginValidation(one.id, .dns01, owner: "me", leaseUntil: start, now: start)
            try await store.recordVerdict(one.id, .dns01, .valid(until: start.addingTimeInterval(day)), at: start)
        }
        let names: [Identifier] = ["a.example", "*.a.example", "b.example", "*.b.example", "c.example", "d.example"].map {
            .dns($0)
        }
        let covered = try await store.validAuthorizations(account.id, names, now: start)
        #expect(covered == [.dns("a.example"), .dns("*.b.example")])
        #expect(try await store.validAuthorizations(anyID(), names, now: start).isEmpty)
        #expect(try await store.validAuthorizations(account.id, names, now: start.addingTimeInterval(day)).isEmpty)
    }
}
