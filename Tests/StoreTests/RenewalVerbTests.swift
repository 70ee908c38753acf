import ACME
import Foundation
import Testing

@testable import Store

struct RenewalVerbTests {
    static let identifier = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"

    /// An order that says it replaces a certificate.
    private func replacing(
        _ store: AuthorityStore, _ account: RecordID, _ certificate: String = identifier, at date: Date = start
    ) async throws -> (order: StoredOrder, isCreated: Bool) {
        var new = anyOrder(account, at: date)
        new.order.replaces = certificate
        let isCreated = try await store.createOrder(new.order, new.authorizations)
        return (new.order, isCreated)
    }

    @Test(arguments: EngineKind.allCases)
    func `S9773-5-2 a certificate is replaced by one order that is not invalid`(engine: EngineKind) async throws {
        let store = try await engine.open()
        let account = try await store.makeAccount().id
        let first = try await replacing(store, account)
        #expect(first.isCreated)
        #expect(try await store.order(first.order.id)?.order.replaces == Self.identifier, "S9773-5-3")
        let second = try await replacing(store, account)
        #expect(!second.isCreated)
        #expect(try await store.order(second.order.id) == nil, "nothing is written")
        #expect(try await replacing(store, account, "other.AA").isCreated)
        // The first runs out.
        let third = try await replacing(store, account, at: start.addingTimeInterval(7 * day))
        #expect(third.isCreated)
        // The third fails.
        _ = try await store.beginValidation(third.order.authorizations[0], .http01, owner: "", leaseUntil: start, now: start)
        try await store.recordVerdict(third.order.authorizations[0], .http01, .invalid(refused), at: start)
        let fourth = try await replacing(store, account, at: start.addingTimeInterval(7 * day))
        #expect(fourth.isCreated)
        #expect(try await replacing(store, account, at: start.addingTimeInterval(8 * day)).isCreated == false)
        await store.close()
    }

    @Test(arguments: EngineKind.allCases, [true, false])
    func `S9773-5-2 a replacing order that was swept counts only if a certificate came of it`(engine: EngineKind, succeeds: Bool)
        async throws
    {
        let store = try await engine.open()
        let account = try await store.makeAccount().id
        // Others of the same account and time do not count.
        _ = try await store.issue(account)
        let order = try await replacing(store, account).order
        if succeeds {
            try await store.prove(order)
            let intent = anyIntent(order, at: start.addingTimeInterval(hour))
            #expect(try await store.beginIssuance(intent, owner: "", leaseUntil: start) == .begun)
            try await store.recordIssuance(signed(intent))
        }
        _ = try await store.issue(account, at: start.addingTimeInterval(8 * day))
        while try await store.sweep(expiredBefore: start.addingTimeInterval(40 * day)).finished == false {}
        #expect(try await store.order(order.id) == nil)
        let later = start.addingTimeInterval(41 * day)
        #expect(try await replacing(store, account, at: later).isCreated != succeeds)
        await store.close()
    }

    @Test(arguments: EngineKind.allCases)
    func `of fifty orders at once that replace one certificate one is made`(engine: EngineKind) async throws {
        let store = try await engine.open()
        let account = try await store.makeAccount().id
        // Once from nothing, once over an order that has run out.
        for date in [start, start.addingTimeInterval(8 * day)] {
            let made = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<50 { group.addTask { try await replacing(store, account, at: date).isCreated } }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(made == 1)
        }
        await store.close()
    }

    @Test(arguments: EngineKind.allCases)
    func `announcements are kept, changed and withdrawn`(engine: EngineKind) async throws {
        let store = try await engine.open()
        let account = try await store.makeAccount().id
        let (one, two) = (try await store.issue(account), try await store.issue(account))
        func renewal(_ certificate: StoredCertificate) async throws -> StoredRenewal? {
            try await store.renewal(issuer: certificate.issuer, serial: certificate.serial)
        }
        let plain = StoredRenewal(notBefore: one.notBefore, notAfter: one.notAfter)
        #expect(try await renewal(one) == plain)
        #expect(try await store.renewal(issuer: "another", serial: one.serial) == nil)
        let first = RenewalAnnouncement(at: start, explanation: nil)
        try await store.announceRenewal(of: [one.id, two.id], first)
        #expect(try await renewal(two)?.announcement == first)
        let later = RenewalAnnouncement(at: start.addingTimeInterval(hour), explanation: "https://ca.test/why")
        try await store.announceRenewal(of: [one.id], later)
        #expect(try await renewal(one)?.announcement == later)
        #expect(try await store.withdrawRenewal(of: [one.id, one.id]) == 1)
        #expect(try await renewal(one) == plain)
        _ = try await store.revoke(issuer: two.issuer, serial: two.serial, at: start.addingTimeInterval(day), reason: 4)
        #expect(try await renewal(two)?.revoked == start.addingTimeInterval(day))
        await store.close()
    }
}
