import ACME
import Foundation
import Testing

@testable import Store

struct ValidationVerbTests {
    @Test(arguments: EngineKind.allCases)
    func `a validation begins once`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let order = try await store.makeOrder(try await store.makeAccount().id)
        let one = order.authorizations[0]
        let lease = start.addingTimeInterval(60)
        let first = try await store.beginValidation(one, .http01, owner: "a", leaseUntil: lease, now: start)
        #expect(first.begun && first.authorization.challenge(.http01)?.status == .processing)
        #expect(first.authorization.challenge(.dns01)?.status == .pending)
        let again = try await store.beginValidation(one, .http01, owner: "b", leaseUntil: lease, now: start)
        #expect(!again.begun && again.authorization == first.authorization)
        await #expect(throws: StoreError.notFound) {
            try await store.beginValidation(anyID(), .http01, owner: "a", leaseUntil: lease, now: start)
        }
        let late = try await store.beginValidation(
            one, .dns01, owner: "a", leaseUntil: lease, now: start.addingTimeInterval(8 * day))
        #expect(!late.begun)
    }

    @Test(arguments: EngineKind.allCases)
    func `a verdict moves challenge and authorization, and the first one stands`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let order = try await store.makeOrder(try await store.makeAccount().id)
        let one = order.authorizations[0]
        let until = start.addingTimeInterval(30 * day)
        // Not begun: nothing to decide.
        #expect(try await store.recordVerdict(one, .http01, .valid(until: until), at: start).status == .pending)
        for type in [ChallengeType.http01, .dns01] {
            _ = try await store.beginValidation(one, type, owner: "a", leaseUntil: start, now: start)
        }
        let decided = try await store.recordVerdict(one, .http01, .valid(until: until), at: start)
        #expect(decided.status == .valid && decided.expires == until)
        #expect(decided.challenge(.http01) == StoredChallenge(type: .http01, status: .valid, validated: start))
        #expect(try await store.recordVerdict(one, .dns01, .invalid(refused), at: start) == decided)
        #expect(try await store.authorization(one) == decided)
        #expect(try await store.order(order.id)?.status(at: start) == .ready)
        #expect(try await store.counts().validationsWaiting == 0)
        await #expect(throws: StoreError.notFound) {
            try await store.recordVerdict(anyID(), .dns01, .invalid(refused), at: start)
        }
    }

    @Test(arguments: EngineKind.allCases)
    func `a failed challenge fails its authorization and shows why`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let order = try await store.makeOrder(try await store.makeAccount().id)
        let one = order.authorizations[0]
        _ = try await store.beginValidation(one, .http01, owner: "a", leaseUntil: start, now: start)
        let decided = try await store.recordVerdict(one, .http01, .invalid(refused), at: start)
        #expect(decided.status == .invalid)
        #expect(decided.challenge(.http01)?.error == refused)
        let whole = try await store.order(order.id)
        #expect(whole?.status(at: start) == .invalid)
        #expect(whole?.problem == refused)
    }

    @Test(arguments: EngineKind.allCases)
    func `a failed query is seen, counted, and due again later`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let order = try await store.makeOrder(try await store.makeAccount().id)
        let one = order.authorizations[0]
        try await store.recordAttempt(one, .http01, refused, owner: "a", due: start)
        #expect(try await store.authorization(one)?.challenge(.http01)?.error == nil)
        _ = try await store.beginValidation(one, .http01, owner: "a", leaseUntil: start.addingTimeInterval(60), now: start)
        let retry = start.addingTimeInterval(5)
        try await store.recordAttempt(one, .http01, refused, owner: "a", due: retry)
        #expect(try await !store.recordAttempt(one, .http01, refused, owner: "another", due: start))
        let challenge = try await store.authorization(one)?.challenge(.http01)
        #expect(challenge == StoredChallenge(type: .http01, status: .processing, error: refused, attempts: 1))
        #expect(try await store.nextDue(.validation) == retry)
        let lease = start.addingTimeInterval(65)
        #expect(try await store.claimWork(.validation, owner: "b", leaseUntil: lease, now: start, limit: 9).isEmpty)
        #expect(
            try await store.claimWork(.validation, owner: "b", leaseUntil: lease, now: retry, limit: 9) == [
                WorkItem(kind: .validation(authorization: one, type: .http01), owner: "b", leaseUntil: lease, attempts: 2)
            ])
    }

    @Test(arguments: EngineKind.allCases)
    func `leased work is another's only when the lease has run out`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let order = try await store.makeOrder(try await store.makeAccount().id, (0..<5).map { "\($0).example" })
        for (number, one) in order.authorizations.enumerated() {
            _ = try await store.beginValidation(
                one, .http01, owner: "a", leaseUntil: start.addingTimeInterval(10 + Double(number)), now: start)
        }
        #expect(try await store.claimWork(.validation, owner: "b", leaseUntil: .distantFuture, now: start, limit: 9).isEmpty)
        let later = start.addingTimeInterval(12)
        let lease = start.addingTimeInterval(100)
        #expect(try await store.claimWork(.issuance, owner: "b", leaseUntil: lease, now: later, limit: 9).isEmpty)
        let two = try await store.claimWork(.validation, owner: "b", leaseUntil: lease, now: later, limit: 2)
        #expect(Set(two.map(\.subject)) == Set(order.authorizations.prefix(2)))
        let third = try await store.claimWork(.validation, owner: "c", leaseUntil: lease, now: later, limit: 9)
        #expect(third.map(\.subject) == [order.authorizations[2]])
        #expect(try await store.extendLease(two[0], until: lease.addingTimeInterval(1)))
        var lost = two[0]
        lost.owner = "a"
        #expect(try await !store.extendLease(lost, until: lease))
        try await store.dropWork(third[0])
        #expect(try await store.counts().validationsWaiting == 4)
    }
}
