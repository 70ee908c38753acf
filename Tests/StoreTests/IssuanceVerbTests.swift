import ACME
import Foundation
import Testing

@testable import Store

@Suite(.timeLimit(.minutes(2)))
struct IssuanceVerbTests {
    @Test(arguments: EngineKind.allCases)
    func `of twenty finalizations at once one begins`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let order = try await store.makeOrder(try await store.makeAccount().id)
        try await store.prove(order)
        let outcomes = try await withThrowingTaskGroup(of: (Intent, IssuanceBeginning).self) { group in
            for _ in 0..<20 {
                group.addTask {
                    let intent = anyIntent(order)
                    return (intent, try await store.beginIssuance(intent, owner: "me", leaseUntil: start))
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let winners = outcomes.filter { $0.1 == .begun }.map(\.0)
        #expect(winners.count == 1)
        #expect(outcomes.filter { $0.1 == .already(.processing, winners.first) }.count == 19)
        #expect(try await store.intentsWithoutCertificate() == winners)
        #expect(try await store.counts().issuancesWaiting == 1)
    }

    @Test(arguments: EngineKind.allCases)
    func `an order that is not ready does not begin`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let account = try await store.makeAccount()
        let order = try await store.makeOrder(account.id)
        #expect(try await store.beginIssuance(anyIntent(order), owner: "", leaseUntil: start) == .already(.pending, nil))
        try await store.prove(order)
        let late = anyIntent(order, at: start.addingTimeInterval(8 * day))
        #expect(try await store.beginIssuance(late, owner: "", leaseUntil: start) == .already(.invalid, nil))
        await #expect(throws: StoreError.notFound) {
            try await store.beginIssuance(anyIntent(anyOrder(account.id).order), owner: "", leaseUntil: start)
        }
        await #expect(throws: StoreError.self) {
            try await store.beginIssuance(anyIntent(nil), owner: "", leaseUntil: start)
        }
        #expect(try await store.intentsWithoutCertificate().isEmpty)
    }

    @Test(arguments: EngineKind.allCases)
    func `certificate, order and work move together, once`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let order = try await store.makeOrder(try await store.makeAccount().id, ["a.example", "b.example"])
        try await store.prove(order)
        let intent = anyIntent(order)
        _ = try await store.beginIssuance(intent, owner: "me", leaseUntil: start.addingTimeInterval(9))
        #expect(try await store.intent(intent.id) == intent)
        #expect(try await store.order(order.id)?.order.certificate == nil)
        let first = signed(intent)
        #expect(try await store.recordIssuance(first) == first)
        // A second signature over the same bytes.
        #expect(try await store.recordIssuance(signed(intent)) == first)
        #expect(try await store.certificate(first.id) == first)
        #expect(try await store.certificate(issuer: first.issuer, serial: first.serial) == first)
        let whole = try await store.order(order.id)?.order
        #expect(whole?.status == .valid && whole?.certificate == first.id)
        #expect(try await store.intent(intent.id) == nil)
        #expect(try await store.counts().issuancesWaiting == 0)
        #expect(try await store.beginIssuance(anyIntent(order), owner: "", leaseUntil: start) == .already(.valid, nil))
    }

    @Test(arguments: EngineKind.allCases)
    func `a certificate needs its intent`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let order = try await store.makeOrder(try await store.makeAccount().id)
        try await store.prove(order)
        let intent = anyIntent(order)
        await #expect(throws: StoreError.notFound) { try await store.recordIssuance(signed(intent)) }
        _ = try await store.beginIssuance(intent, owner: "me", leaseUntil: start)
        var wrong = signed(intent)
        wrong.serial = anyBytes()
        await #expect(throws: StoreError.conflict("the certificate is not the intended one")) {
            try await store.recordIssuance(wrong)
        }
        #expect(try await store.order(order.id)?.order.status == .processing)
    }

    @Test(arguments: EngineKind.allCases)
    func `a failed issuance ends its order, and a signature that exists all the same prevails`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let order = try await store.makeOrder(try await store.makeAccount().id)
        try await store.prove(order)
        try await store.failIssuance(order.id, refused)
        #expect(try await store.order(order.id)?.status(at: start) == .ready)
        let intent = anyIntent(order)
        _ = try await store.beginIssuance(intent, owner: "me", leaseUntil: start)
        try await store.failIssuance(order.id, refused)
        let failed = try await store.order(order.id)
        #expect(failed?.order.status == .invalid && failed?.problem == refused && failed?.order.certificate == nil)
        #expect(try await store.intentsWithoutCertificate().isEmpty)
        #expect(try await store.claimWork(.issuance, owner: "b", leaseUntil: start, now: .distantFuture, limit: 9).isEmpty)
        #expect(try await store.recordIssuance(signed(intent)).id == intent.id)
        #expect(try await store.order(order.id)?.order.certificate == intent.id)
    }

    @Test(arguments: EngineKind.allCases)
    func `the authority's own certificate needs no order`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let (kept, given) = (anyIntent(nil), anyIntent(nil))
        for intent in [kept, given] { try await store.beginOwnIssuance(intent, owner: "me", leaseUntil: start) }
        try await store.voidIntent(given.id)
        #expect(try await store.intentsWithoutCertificate() == [kept])
        let own = try await store.recordIssuance(signed(kept))
        #expect(try await store.certificates(limit: 9) == [own])
        // No serial twice.
        var twin = anyIntent(nil)
        twin.serial = kept.serial
        await #expect(throws: StoreError.conflict("the serial number is taken")) {
            try await store.beginOwnIssuance(twin, owner: "me", leaseUntil: start)
        }
    }

    @Test(arguments: EngineKind.allCases)
    func `the recorded clock is that of the last thing meant to be signed`(kind: EngineKind) async throws {
        let store = try await kind.open()
        #expect(try await store.recordedClock() == nil)
        let account = try await store.makeAccount()
        _ = try await store.issue(account.id)
        #expect(try await store.recordedClock() == start)
        try await store.beginOwnIssuance(anyIntent(nil, at: start.addingTimeInterval(5)), owner: "", leaseUntil: start)
        #expect(try await store.recordedClock() == start.addingTimeInterval(5))
        try await store.saveCRL(
            StoredRevocationList(
                issuer: "i", number: 1, der: [1], thisUpdate: start.addingTimeInterval(7), nextUpdate: .distantFuture))
        #expect(try await store.recordedClock() == start.addingTimeInterval(7))
    }
}
