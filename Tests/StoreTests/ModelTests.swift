import ACME
import Foundation
import Testing

@testable import Store

/// What the store should hold, kept in dictionaries by the plainest rules.
private struct Model {
    struct OneOrder {
        var account: Int
        var authorizations: [RecordID]
        var status = OrderStatus.pending
        var intent: Intent?
        var certificate: RecordID?
    }
    struct OneAuthorization {
        var account: Int
        var status = AuthorizationStatus.pending
        var challenges = [ChallengeType: ChallengeStatus](uniqueKeysWithValues: ChallengeType.allCases.map { ($0, .pending) })
    }

    var accounts: [(id: RecordID, key: Int, status: AccountStatus)] = []
    var orders: [RecordID: OneOrder] = [:]
    var authorizations: [RecordID: OneAuthorization] = [:]
    var revoked: Set<RecordID> = []
    // In the order of their making, so that a seed chooses alike although ids are random.
    var orderIDs: [RecordID] = []
    var authorizationIDs: [RecordID] = []

    func status(_ order: OneOrder) -> OrderStatus {
        guard order.status == .pending else { return order.status }
        let statuses = order.authorizations.compactMap { authorizations[$0]?.status }
        if statuses.contains(where: { $0 != .pending && $0 != .valid }) { return .invalid }
        return statuses.allSatisfy { $0 == .valid } ? .ready : .pending
    }
}

/// Random verbs against the model; the seed in the test's name repeats a failure.
@Suite(.timeLimit(.minutes(5)))
struct ModelTests {
    static let keys = (0..<6).map { _ in SigningKey(.p256).jwk }

    /// 60 runs of 12 sequences on one store each, some 20 verbs a sequence.
    @Test(arguments: EngineKind.allCases, 0..<60)
    func `any sequence of verbs leaves what the model says`(kind: EngineKind, seed: Int) async throws {
        var chance = SplitMix(state: UInt64(seed))
        let store = try await kind.open()
        var model = Model()
        for _ in 0..<12 {
            for _ in 0..<Int.random(in: 10...30, using: &chance) {
                try await step(store, &model, &chance)
            }
            try await compare(store, model)
        }
        await store.close()
    }

    private func step(_ store: AuthorityStore, _ model: inout Model, _ chance: inout SplitMix) async throws {
        let later = start.addingTimeInterval(day)
        let order = model.orderIDs.randomElement(using: &chance)
        let authorization = model.authorizationIDs.randomElement(using: &chance)
        let type = ChallengeType.allCases.randomElement(using: &chance) ?? .http01
        switch Int.random(in: 0..<14, using: &chance) {
        case 0:
            let key = Int.random(in: 0..<6, using: &chance)
            let new = anyAccount(key: Self.keys[key])
            let (account, created) = try await store.createAccount(new)
            let known = model.accounts.first { $0.key == key }
            #expect(created == (known == nil))
            #expect(account.id == known?.id ?? new.id)
            if created { model.accounts.append((new.id, key, .valid)) }
        case 1, 2, 3:
            guard let index = model.accounts.indices.randomElement(using: &chance) else { return }
            let names = (0..<Int.random(in: 1...3, using: &chance)).map { "\($0).example" }
            let new = anyOrder(model.accounts[index].id, names)
            let valid = model.accounts[index].status == .valid
            #expect(await succeeds { try await store.createOrder(new.order, new.authorizations) } == valid)
            guard valid else { return }
            model.orders[new.order.id] = .init(account: index, authorizations: new.order.authorizations)
            model.orderIDs.append(new.order.id)
            model.authorizationIDs += new.authorizations.map(\.id)
            for one in new.authorizations { model.authorizations[one.id] = .init(account: index) }
        case 4, 5, 6:
            guard let authorization, var one = model.authorizations[authorization] else { return }
            let expected = one.status == .pending && one.challenges[type] == .pending
            let begun = try await store.beginValidation(authorization, type, owner: "m", leaseUntil: later, now: start).begun
            #expect(begun == expected)
            if expected { one.challenges[type] = .processing }
            model.authorizations[authorization] = one
        case 7, 8, 9:
            guard let authorization, var one = model.authorizations[authorization] else { return }
            let good = Int.random(in: 0..<4, using: &chance) > 0
            try await store.recordVerdict(authorization, type, good ? .valid(until: later) : .invalid(refused), at: start)
            if one.status == .pending, one.challenges[type] == .processing {
                one.challenges[type] = good ? .valid : .invalid
                one.status = good ? .valid : .invalid
            }
            model.authorizations[authorization] = one
        case 10, 11:
            guard let order, var one = model.orders[order] else { return }
            let stored = StoredOrder(
                id: order, account: model.accounts[one.account].id, identifiers: [.dns("a.example")], authorizations: [],
                created: start, expires: later)
            let intent = anyIntent(stored)
            let outcome = try await store.beginIssuance(intent, owner: "m", leaseUntil: later)
            let status = model.status(one)
            if status == .ready {
                #expect(outcome == .begun)
                (one.status, one.intent) = (.processing, intent)
                model.orders[order] = one
            } else {
                #expect(outcome == .already(status, status == .processing ? one.intent : nil))
            }
        case 12:
            guard let order, var one = model.orders[order] else { return }
            if Int.random(in: 0..<4, using: &chance) == 0 {
                try await store.failIssuance(order, refused)
                if one.status == .processing { one.status = .invalid }
            } else if let intent = one.intent {
                try await store.recordIssuance(signed(intent))
                (one.status, one.certificate) = (.valid, intent.id)
            }
            model.orders[order] = one
        default:
            try await rareStep(store, &model, &chance)
        }
    }

    private func rareStep(_ store: AuthorityStore, _ model: inout Model, _ chance: inout SplitMix) async throws {
        switch Int.random(in: 0..<4, using: &chance) {
        case 0:
            guard let index = model.accounts.indices.randomElement(using: &chance), Bool.random(using: &chance) else { return }
            try await store.deactivateAccount(model.accounts[index].id)
            guard model.accounts[index].status == .valid else { return }
            model.accounts[index].status = .deactivated
            for (id, one) in model.orders where one.account == index && one.status == .pending {
                model.orders[id]?.status = .invalid
            }
        case 1:
            guard let id = model.authorizationIDs.randomElement(using: &chance), let one = model.authorizations[id]
            else { return }
            let allowed = one.status != .invalid
            let account = model.accounts[one.account].id
            #expect(await succeeds { try await store.deactivateAuthorization(id, account: account) } == allowed)
            if allowed { model.authorizations[id]?.status = .deactivated }
        case 2:
            guard let index = model.accounts.indices.randomElement(using: &chance) else { return }
            let (old, new) = (model.accounts[index].key, Int.random(in: 0..<6, using: &chance))
            let outcome = try await store.changeKey(
                model.accounts[index].id, from: Self.keys[old].thumbprint, to: Self.keys[new])
            if let holder = model.accounts.first(where: { $0.key == new }) {
                #expect(outcome == .taken(by: holder.id))
            } else if model.accounts[index].status == .valid {
                #expect(outcome == .changed)
                model.accounts[index].key = new
            } else {
                #expect(outcome == .stale)
            }
        default:
            let issued = model.orderIDs.compactMap { model.orders[$0] }.compactMap { $0.certificate == nil ? nil : $0.intent }
            guard let intent = issued.randomElement(using: &chance) else { return }
            let outcome = try await store.revoke(issuer: intent.issuer, serial: intent.serial, at: start, reason: 4)
            switch outcome {
            case .revoked: #expect(model.revoked.insert(intent.id).inserted)
            case .already: #expect(model.revoked.contains(intent.id))
            }
        }
    }

    private func compare(_ store: AuthorityStore, _ model: Model) async throws {
        for one in model.accounts {
            let stored = try await store.account(one.id)
            #expect(stored?.status == one.status && stored?.key == Self.keys[one.key])
        }
        for (id, one) in model.orders {
            let stored = try await store.order(id)
            #expect(stored?.status(at: start) == model.status(one))
            #expect(stored?.order.certificate == (one.status == .valid ? one.certificate : nil))
        }
        for (id, one) in model.authorizations {
            let stored = try await store.authorization(id)
            #expect(stored?.status == one.status)
            for challenge in stored?.challenges ?? [] { #expect(challenge.status == one.challenges[challenge.type]) }
        }
        let issued = Set(model.orders.values.compactMap(\.certificate))
        #expect(Set(try await store.certificates(limit: 10_000).map(\.id)) == issued)
        #expect(try await store.listed("issuer").count == model.revoked.count)
        let open = model.orders.values.filter { $0.status == .processing }.compactMap { $0.intent?.id }
        #expect(Set(try await store.intentsWithoutCertificate().map(\.id)) == Set(open))
    }

    private func succeeds(_ verb: () async throws -> some Any) async -> Bool {
        do {
            _ = try await verb()
            return true
        } catch { return false }
    }
}

/// Steele, Lea and Flood's generator: the same sequence for the same seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
