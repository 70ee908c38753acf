import ACME
import Foundation
import TestSupport
import Testing

@testable import Store

/// Two stores, as two servers have them, on one PostgreSQL.
@Suite(.timeLimit(.minutes(4)))
struct TwoServersTests {
    private static func pair() async throws -> [AuthorityStore] {
        let url = try await PostgreSQLServer.shared().emptySchema()
        return [try await openPostgreSQL(url), try await openPostgreSQL(url)]
    }

    /// Runs `verb` on both stores at once, `times` in a row for each.
    private func race<T: Sendable>(
        _ stores: [AuthorityStore], times: Int = 10, _ verb: @escaping @Sendable (AuthorityStore) async throws -> T
    ) async throws -> [T] {
        try await withThrowingTaskGroup(of: T.self) { group in
            for store in stores { for _ in 0..<times { group.addTask { try await verb(store) } } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    @Test func `one key makes one account, whichever server it comes to`() async throws {
        let stores = try await Self.pair()
        for _ in 0..<10 {
            let key = SigningKey(.p256).jwk
            let results = try await race(stores) { store in try await store.createAccount(anyAccount(key: key)) }
            #expect(results.filter(\.created).count == 1)
            #expect(Set(results.map(\.account.id)).count == 1)
        }
    }

    @Test func `one finalization begins`() async throws {
        let stores = try await Self.pair()
        let account = try await stores[0].makeAccount()
        for _ in 0..<10 {
            let order = try await stores[0].makeOrder(account.id)
            try await stores[1].prove(order)
            let outcomes = try await race(stores) { store in
                let intent = anyIntent(order)
                return (intent, try await store.beginIssuance(intent, owner: "me", leaseUntil: start))
            }
            let winners = outcomes.filter { $0.1 == .begun }.map(\.0)
            #expect(winners.count == 1)
            #expect(outcomes.filter { $0.1 == .already(.processing, winners.first) }.count == 19)
        }
        #expect(try await stores[0].intentsWithoutCertificate().count == 10)
    }

    @Test func `one signature of an intent becomes the certificate`() async throws {
        let stores = try await Self.pair()
        let account = try await stores[0].makeAccount()
        for _ in 0..<10 {
            let order = try await stores[0].makeOrder(account.id)
            try await stores[1].prove(order)
            let intent = anyIntent(order)
            _ = try await stores[0].beginIssuance(intent, owner: "me", leaseUntil: start)
            let recorded = try await race(stores, times: 5) { store in try await store.recordIssuance(signed(intent)) }
            #expect(Set(recorded.map(\.der)).count == 1)
            #expect(try await stores[1].order(order.id)?.order.certificate == intent.id)
        }
    }

    @Test func `a failure and a signature of one issuance leave it known`() async throws {
        let stores = try await Self.pair()
        let account = try await stores[0].makeAccount()
        for _ in 0..<20 {
            let order = try await stores[0].makeOrder(account.id)
            try await stores[1].prove(order)
            let intent = anyIntent(order)
            _ = try await stores[0].beginIssuance(intent, owner: "me", leaseUntil: start)
            async let failed: Void = stores[0].failIssuance(order.id, refused)
            async let recorded = stores[1].recordIssuance(signed(intent))
            _ = try await (failed, recorded)
            let whole = try await stores[0].order(order.id)
            #expect(whole?.order.status == .valid && whole?.order.certificate == intent.id)
            #expect(try await stores[0].certificate(intent.id) != nil)
        }
        #expect(try await stores[0].intentsWithoutCertificate().isEmpty)
    }

    @Test func `an authorization is answered once, and deactivated or used, not both`() async throws {
        let stores = try await Self.pair()
        let account = try await stores[0].makeAccount()
        for _ in 0..<20 {
            let order = try await stores[0].makeOrder(account.id)
            let one = order.authorizations[0]
            let begun = try await race(stores, times: 3) { store in
                try await store.beginValidation(one, .http01, owner: "me", leaseUntil: start, now: start).begun
            }
            #expect(begun.filter { $0 }.count == 1)
            try await stores[0].recordVerdict(one, .http01, .valid(until: start.addingTimeInterval(day)), at: start)
            async let ended = stores[0].deactivateAuthorization(one, account: account.id)
            async let beginning = stores[1].beginIssuance(anyIntent(order), owner: "me", leaseUntil: start)
            let outcome = try await (ended, beginning).1
            let whole = try await stores[0].order(order.id)
            #expect(whole?.authorizations.first?.status == .deactivated)
            switch outcome {
            case .begun: #expect(whole?.order.status == .processing)
            case .already(let status, _): #expect(status == .invalid && whole?.order.status == .pending)
            case .unusable: Issue.record("nothing was said of the key")
            }
        }
    }

    @Test func `a closed account gets no order that stays open`() async throws {
        let stores = try await Self.pair()
        for _ in 0..<20 {
            let account = try await stores[0].makeAccount()
            async let closed = stores[0].deactivateAccount(account.id)
            let made = await withTaskGroup(of: RecordID?.self) { group in
                for _ in 0..<4 { group.addTask { try? await stores[1].makeOrder(account.id).id } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            _ = try await closed
            for id in made.compactMap({ $0 }) { #expect(try await stores[0].order(id)?.order.status == .invalid) }
        }
    }

    @Test func `a key goes to one account`() async throws {
        let stores = try await Self.pair()
        for _ in 0..<10 {
            let (one, other) = (try await stores[0].makeAccount(), try await stores[1].makeAccount())
            let key = SigningKey(.p256).jwk
            async let first = stores[0].changeKey(one.id, from: one.key.thumbprint, to: key)
            async let second = stores[1].changeKey(other.id, from: other.key.thumbprint, to: key)
            async let third = stores[1].createAccount(anyAccount(key: key))
            let (outcomes, made) = try await ([first, second], third)
            let holder = try #require(try await stores[0].account(thumbprint: key.thumbprint))
            #expect(outcomes.filter { $0 == .changed }.count + (made.created ? 1 : 0) == 1)
            for case .taken(let by) in outcomes { #expect(by == holder.id) }
        }
    }

    @Test func `a certificate is revoked once, and the first reason stands`() async throws {
        let stores = try await Self.pair()
        let account = try await stores[0].makeAccount()
        for _ in 0..<10 {
            let one = try await stores[0].issue(account.id)
            let outcomes = try await race(stores, times: 5) { store in
                try await store.revoke(
                    issuer: one.issuer, serial: one.serial, at: start, reason: .random(in: 3...5), blockKey: true)
            }
            let revoked = outcomes.compactMap { if case .revoked(let certificate) = $0 { certificate } else { nil } }
            #expect(revoked.count == 1)
            #expect(try await stores[1].certificate(one.id) == revoked.first)
        }
    }

    @Test func `numbers of lists are given once, and work to one`() async throws {
        let stores = try await Self.pair()
        let numbers = try await race(stores, times: 20) { store in try await store.nextCRLNumber(issuer: "i") }
        #expect(numbers.sorted() == Array(1...40))
        let account = try await stores[0].makeAccount()
        let order = try await stores[0].makeOrder(account.id, (0..<60).map { "\($0).example" })
        for one in order.authorizations {
            _ = try await stores[0].beginValidation(one, .http01, owner: "a", leaseUntil: start, now: start)
        }
        let claimed = try await race(stores, times: 5) { store in
            try await store.claimWork(.validation, owner: "b", leaseUntil: .distantFuture, now: start, limit: 9)
        }
        #expect(claimed.allSatisfy { $0.count <= 9 })
        let subjects = claimed.flatMap { $0.map(\.subject) }
        #expect(subjects.count == Set(subjects).count)
    }
}
