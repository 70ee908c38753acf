import ACME
import Foundation
import Testing

@testable import Store

@Suite(.timeLimit(.minutes(2)))
struct AccountVerbTests {
    @Test(arguments: EngineKind.allCases)
    func `fifty at once with one key make one account`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let key = SigningKey(.p256).jwk
        let results = try await withThrowingTaskGroup(of: (StoredAccount, Bool).self) { group in
            for _ in 0..<50 {
                group.addTask {
                    let (account, created) = try await store.createAccount(anyAccount(key: key))
                    return (account, created)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.filter(\.1).count == 1)
        #expect(Set(results.map(\.0.id)).count == 1)
        #expect(try await store.accounts(limit: 10).count == 1)
    }

    @Test(arguments: EngineKind.allCases)
    func `an account comes back whole, by id and by key`(kind: EngineKind) async throws {
        let store = try await kind.open()
        var new = anyAccount()
        new.contacts = ["mailto:\"odd\"@b.example", "mailto:ü@b.example"]
        new.agreedTerms = nil
        #expect(try await store.createAccount(new) == (new, true))
        #expect(try await store.account(new.id) == new)
        #expect(try await store.account(thumbprint: new.key.thumbprint) == new)
        #expect(try await store.account(anyID()) == nil)
        #expect(try await store.account(thumbprint: "none") == nil)
        try await store.agreeToTerms(new.id, "https://ca.test/new")
        let updated = try await store.updateContacts(new.id, [])
        #expect(updated.contacts == [] && updated.agreedTerms == "https://ca.test/new")
    }

    @Test(arguments: EngineKind.allCases)
    func `accounts are paged in the order of their making`(kind: EngineKind) async throws {
        let store = try await kind.open()
        var made: [RecordID] = []
        for number in 0..<7 { made.append(try await store.makeAccount(at: start.addingTimeInterval(Double(number))).id) }
        var seen: [RecordID] = []
        while true {
            let page = try await store.accounts(after: seen.last, limit: 3)
            if page.isEmpty { break }
            seen += page.map(\.id)
        }
        #expect(seen == made)
    }

    @Test(arguments: EngineKind.allCases)
    func `deactivation is for good, ends pending orders and spares the others`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let account = try await store.makeAccount()
        let issued = try await store.issue(account.id)
        let pending = try await store.makeOrder(account.id, ["b.example"])
        let running = try await store.makeOrder(account.id, ["c.example"])
        try await store.prove(running)
        let intent = anyIntent(running)
        _ = try await store.beginIssuance(intent, owner: "me", leaseUntil: start)
        let other = try await store.makeAccount()
        let foreign = try await store.makeOrder(other.id)

        #expect(try await store.deactivateAccount(account.id).status == .deactivated)
        #expect(try await store.deactivateAccount(account.id, as: .revoked).status == .deactivated)
        #expect(try await store.order(pending.id)?.order.status == .invalid)
        #expect(try await store.order(running.id)?.order.status == .processing)
        #expect(try await store.order(foreign.id)?.order.status == .pending)
        #expect(try await store.order(issued.order ?? anyID())?.order.status == .valid)
        #expect(try await store.createAccount(anyAccount(key: account.key)).account.status == .deactivated)
        await #expect(throws: StoreError.conflict("the account is not valid")) {
            try await store.updateContacts(account.id, [])
        }
        await #expect(throws: StoreError.conflict("the account is not valid")) {
            _ = try await store.makeOrder(account.id)
        }
        await #expect(throws: StoreError.notFound) { try await store.deactivateAccount(anyID()) }
        try await store.recordIssuance(signed(intent))
        #expect(try await store.order(running.id)?.order.status == .valid)
    }

    @Test(arguments: EngineKind.allCases)
    func `a key changes once, to a free key, from the current key`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let one = try await store.makeAccount()
        let other = try await store.makeAccount()
        let next = SigningKey(.p256).jwk
        #expect(try await store.changeKey(one.id, from: one.key.thumbprint, to: other.key) == .taken(by: other.id))
        #expect(try await store.changeKey(one.id, from: other.key.thumbprint, to: next) == .stale)
        #expect(try await store.changeKey(one.id, from: one.key.thumbprint, to: next) == .changed)
        #expect(try await store.account(one.id)?.key == next)
        #expect(try await store.account(thumbprint: one.key.thumbprint) == nil)
        #expect(try await store.changeKey(one.id, from: one.key.thumbprint, to: SigningKey(.p256).jwk) == .stale)
        // The old key is free for a new account.
        #expect(try await store.createAccount(anyAccount(key: one.key)).created)
        try await store.deactivateAccount(other.id)
        #expect(try await store.changeKey(other.id, from: other.key.thumbprint, to: SigningKey(.p256).jwk) == .stale)
    }

    @Test(arguments: EngineKind.allCases)
    func `of twenty key changes at once one wins`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let account = try await store.makeAccount()
        let outcomes = try await withThrowingTaskGroup(of: KeyChangeOutcome.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    try await store.changeKey(account.id, from: account.key.thumbprint, to: SigningKey(.p256).jwk)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.filter { $0 == .changed }.count == 1)
        #expect(outcomes.filter { $0 == .stale }.count == 19)
    }
}
