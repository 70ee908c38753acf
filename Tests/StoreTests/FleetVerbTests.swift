import ACME
import Foundation
import Testing

@testable import Store

/// What several servers on one database tell each other through it.
struct FleetVerbTests {
    private func server(_ id: String) -> StoredServer {
        StoredServer(id: id, name: "host-\(id)", url: "http://ca.test", started: start)
    }

    @Test(arguments: EngineKind.allCases)
    func `a server that beats is seen, and one that is silent is struck off with what it held`(kind: EngineKind) async throws {
        let store = try await kind.open()
        #expect(try await store.beat("a") == nil, "who has not joined is told so")
        for one in ["a", "b"] { try await store.join(server(one)) }
        #expect(try await store.beat("a")?.map(\.id) == ["a", "b"])
        let silent = try #require(try await store.servers().first { $0.id == "b" })

        let order = try await store.makeOrder(try await store.makeAccount().id)
        let one = order.authorizations[0]
        let lease = start.addingTimeInterval(hour)
        _ = try await store.beginValidation(one, .http01, owner: "b", leaseUntil: lease, now: start)
        let sweeping = try #require(try await store.take(.sweep, owner: "b", until: lease, now: start))
        #expect(try await store.claimWork(.validation, owner: "a", leaseUntil: lease, now: start, limit: 9).isEmpty)
        #expect(try await store.take(.sweep, owner: "a", until: lease, now: start) == nil)

        #expect(try await !store.bury("b", beat: silent.beat - 1, now: start), "it has shown a sign of life since")
        #expect(try await store.bury("b", beat: silent.beat, now: start))
        #expect(try await !store.bury("b", beat: silent.beat, now: start), "once")
        #expect(try await store.claimWork(.validation, owner: "a", leaseUntil: lease, now: start, limit: 9).count == 1)
        let taken = try #require(try await store.take(.sweep, owner: "a", until: lease, now: start))
        #expect(taken.number > sweeping.number)
        #expect(try await store.beat("b") == nil)
        try await store.leave("a", now: start)
        #expect(try await store.servers().isEmpty)
        #expect(try await store.claimWork(.validation, owner: "c", leaseUntil: lease, now: start, limit: 9).count == 1)
    }

    @Test(arguments: EngineKind.allCases)
    func `a duty has one holder, and the earlier one's fence does not open the list`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let end = start.addingTimeInterval(30)
        let early = try #require(try await store.take(.publish, owner: "a", until: end, now: start))
        #expect(try await store.take(.publish, owner: "b", until: end, now: end.addingTimeInterval(-1)) == nil)
        let late = try #require(try await store.take(.publish, owner: "b", until: end.addingTimeInterval(30), now: end))
        func list(_ number: Int64) -> StoredRevocationList {
            StoredRevocationList(issuer: "i", number: number, der: [1], thisUpdate: start, nextUpdate: end)
        }
        try await store.saveCRL(list(1), fence: late)
        let error = await #expect(throws: StoreError.self) { try await store.saveCRL(list(2), fence: early) }
        guard case .conflict = error else { Issue.record("\(String(describing: error))"); return }
        #expect(try await store.latestCRL(issuer: "i")?.number == 1)
        try await store.give(early)
        #expect(try await store.take(.publish, owner: "a", until: end, now: end) == nil, "only the holder gives back")
        try await store.give(late)
        #expect(try await store.take(.publish, owner: "a", until: end, now: end)?.number == late.number + 1)
    }

    @Test(arguments: EngineKind.allCases)
    func `a nonce is spent once, together with others and with itself`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let epoch = try #require(
            try await store.turnNonceEpoch(key: anyBytes(32), now: start, unlessMadeAfter: start.addingTimeInterval(-900)).last)
        func nonce(_ number: Int64) -> NonceNumber { NonceNumber(epoch: epoch.id, number: number) }
        #expect(try await store.spend([nonce(1), nonce(2), nonce(1)]).fresh == [nonce(1), nonce(2)])
        #expect(try await store.spend([nonce(2), nonce(-3)]).fresh == [nonce(-3)])
        #expect(try await store.spend([NonceNumber(epoch: epoch.id + 1, number: 9)]).fresh == [], "of no epoch")
        #expect(try await store.spend([]).fresh == [])
        let many = (100..<Int64(100 + AuthorityStore.mostNonces)).map(nonce)
        #expect(try await store.spend(many).fresh == Set(many))
    }

    @Test(arguments: EngineKind.allCases)
    func `spending a nonce tells how often accounts have changed`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let epoch = try #require(try await store.turnNonceEpoch(key: [1], now: start, unlessMadeAfter: .distantPast).last)
        var numbers: [Int64] = []
        func look() async throws {
            let number = Int64(numbers.count)
            numbers.append(try #require(try await store.spend([NonceNumber(epoch: epoch.id, number: number)]).accountChanges))
        }
        try await look()
        let account = try await store.makeAccount()
        try await look()
        _ = try await store.updateContacts(account.id, [])
        try await look()
        try await store.agreeToTerms(account.id, "https://ca.test/other")
        try await look()
        let key = anyAccount().key
        _ = try await store.changeKey(account.id, from: account.key.thumbprint, to: key)
        try await look()
        try await store.deactivateAccount(account.id)
        try await look()
        try await store.deactivateAccount(account.id)
        try await look()
        #expect(numbers == [0, 0, 1, 2, 3, 4, 4])
    }

    @Test(arguments: EngineKind.allCases)
    func `epochs of nonces follow one another, two at a time, and are cleared away`(kind: EngineKind) async throws {
        let store = try await kind.open()
        var all: [NonceEpoch] = []
        for round in 0..<4 {
            let now = start.addingTimeInterval(Double(round) * 900)
            let open = try await store.turnNonceEpoch(
                key: [UInt8(round)], now: now, unlessMadeAfter: now.addingTimeInterval(-900))
            #expect(try await store.turnNonceEpoch(key: [99], now: now, unlessMadeAfter: now.addingTimeInterval(-1)) == open)
            all.append(try #require(open.last))
            #expect(open == all.suffix(2))
            #expect(try await store.nonceEpochs() == open)
            let old = NonceNumber(epoch: all[0].id, number: Int64(round))
            #expect(try await store.spend([old]).fresh == (round < 2 ? [old] : []))
        }
        #expect(try await store.endedNonceEpochs() == all.prefix(2).map(\.id))
        #expect(try await !store.sweepNonces(all[0].id, limit: 1))
        #expect(try await !store.sweepNonces(all[0].id, limit: 1))
        #expect(try await store.sweepNonces(all[0].id, limit: 1))
        #expect(try await store.endedNonceEpochs() == [all[1].id])
        #expect(try await store.sweepNonces(all[3].id), "there is nothing of it")
        #expect(try await store.nonceEpochs() == all.suffix(2), "one in use stays")
    }

    @Test(arguments: EngineKind.allCases)
    func `one of several servers makes the authority, and may begin again`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let root = anyBytes(32)
        #expect(try await store.beginFounding("one:/ca", now: start) == .yours)
        #expect(try await store.beginFounding("two:/ca", now: start) == .begun(by: "one:/ca"))
        #expect(try await store.beginFounding("one:/ca", now: start) == .yours)
        let founder = Founder(root: root, issuer: "aa", place: "one:/ca")
        #expect(try await store.found(founder, now: start) == founder)
        #expect(try await store.beginFounding("one:/ca", now: start) == .made(founder))
        #expect(
            try await store.found(Founder(root: [1], issuer: "bb", place: "two:/ca"), now: start) == founder, "the first stands")
        try await store.changeIssuer("cc", root: [1])
        #expect(try await store.beginFounding("two:/ca", now: start) == .made(founder))
        try await store.changeIssuer("cc", root: root)
        #expect(
            try await store.beginFounding("two:/ca", now: start) == .made(Founder(root: root, issuer: "cc", place: "one:/ca")))
    }

    @Test(arguments: EngineKind.allCases)
    func `the first proposal of a secret stands`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let first = anyBytes(32)
        #expect(try await store.secret("consent", proposed: first) == first)
        #expect(try await store.secret("consent", proposed: anyBytes(32)) == first)
    }

    @Test(arguments: EngineKind.allCases)
    func `an issuance is taken by who holds it or when its lease is over`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let order = try await store.makeOrder(try await store.makeAccount().id)
        try await store.prove(order)
        let intent = anyIntent(order)
        let lease = start.addingTimeInterval(60)
        _ = try await store.beginIssuance(intent, owner: "a", leaseUntil: lease)
        #expect(try await store.claimIssuance(intent.id, owner: "a", leaseUntil: lease, now: start))
        #expect(try await !store.claimIssuance(intent.id, owner: "b", leaseUntil: lease, now: start))
        #expect(try await store.claimIssuance(intent.id, owner: "b", leaseUntil: lease.addingTimeInterval(60), now: lease))
        try await store.recordIssuance(signed(intent))
        #expect(try await !store.claimIssuance(intent.id, owner: "b", leaseUntil: lease, now: lease))
    }
}
