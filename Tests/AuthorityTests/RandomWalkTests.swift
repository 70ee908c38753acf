import ACME
import Authority
import Foundation
import PKIX
import Store
import Testing

/// SplitMix64: the same seed gives the same history.
struct Dice: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// What a reader of RFC 8555 expects, kept beside the real thing.
struct Model {
    struct Account {
        let id: RecordID
        var key: SigningKey
        var isActive = true
    }
    struct Authorization {
        let id: RecordID
        let name: String
        var status = AuthorizationStatus.pending
        var challenge = ChallengeStatus.pending
        var expires: Date

        func status(_ now: Date) -> AuthorizationStatus {
            (status == .pending || status == .valid) && now >= expires ? .expired : status
        }
    }
    struct Order {
        let id: RecordID
        let account: Int
        let names: [String]
        var authorizations: [Authorization]
        let expires: Date
        /// As long as it is pending or ready: pending.
        var decided = OrderStatus.pending
        var key: Int?
        var certificate: RecordID?
        var isRevoked = false
        var seen = OrderStatus.pending

        func status(_ now: Date) -> OrderStatus {
            guard decided == .pending else { return decided }
            let parts = authorizations.map { $0.status(now) }
            if now >= expires || parts.contains(where: { $0 != .pending && $0 != .valid }) { return .invalid }
            return parts.allSatisfy { $0 == .valid } ? .ready : .pending
        }
    }
    var accounts: [Account] = []
    var orders: [Order] = []

    /// The closure of RFC 8555's arrows: what may be seen later.
    static let later: [OrderStatus: Set<OrderStatus>] = [
        .pending: Set(OrderStatus.allCases), .ready: [.ready, .processing, .valid, .invalid],
        .processing: [.processing, .valid, .invalid],
        .valid: [.valid], .invalid: [.invalid],
    ]
}

/// One history: random steps, each checked.
final class Walk {
    let house: House
    let keys: [CertificateKey]
    var blocked: Set<Int>
    var dice: Dice
    var model = Model()
    let label: String
    var log: [String] = []

    init(_ house: House, _ keys: [CertificateKey], blocked: Set<Int>, seed: UInt64, label: String) {
        (self.house, self.keys, self.blocked, dice, self.label) = (house, keys, blocked, Dice(state: seed), label)
    }

    var now: Date { house.time.now }
    func roll(_ count: Int) -> Int { Int.random(in: 0..<count, using: &dice) }

    func require(_ condition: Bool, _ what: @autoclosure () -> String, _ location: SourceLocation = #_sourceLocation) {
        if !condition {
            Issue.record("\(label): \(what()) after \(log.suffix(12).joined(separator: ", "))", sourceLocation: location)
        }
    }

    func refused<T>(_ body: () async throws(Refusal) -> T) async -> Refusal? {
        do throws(Refusal) { _ = try await body() } catch { return error }
        return nil
    }

    func run() async throws {
        try await newAccount()
        for _ in 0..<(10 + roll(31)) { try await step() }
        house.hierarchy.signer.fail(0)
        try await recover()
        for index in model.orders.indices { try await check(index) }
        try await checkCertificates()
    }

    private func step() async throws {
        let active = model.accounts.indices.filter { model.accounts[$0].isActive }
        guard let actor = active.randomElement(using: &dice) else { return try await newAccount() }
        switch roll(100) {
        case 0..<4: try await newAccount()
        case 4..<20: try await newOrder(actor)
        case 20..<52: try await respond()
        case 52..<55: try await deactivateAuthorization()
        case 55..<60:
            log.append("time")
            house.time.advance(Double(60 * (1 + roll(50))))
        case 60..<80: try await finalize(isGood: true)
        case 80..<84: try await finalize(isGood: false)
        case 84..<91: try await revoke(actor)
        case 91..<95: try await changeKey(actor)
        case 95..<97: try await deactivateAccount(actor)
        case 97..<99: try await recover()
        default:
            guard roll(4) == 0 else { return }
            log.append("restart")
            try await house.restart()
        }
        if !model.orders.isEmpty { try await check(roll(model.orders.count)) }
    }

    private func newAccount() async throws {
        log.append("account")
        let key = SigningKey(.p256)
        model.accounts.append(.init(id: try await house.account(key).id, key: key))
    }

    private func newOrder(_ actor: Int) async throws {
        log.append("order")
        let names = (0..<4).map { "n\($0).example" }.shuffled(using: &dice).prefix(roll(3) == 0 ? 2 : 1).map { $0 }
        let made = try await house.authority.createOrder(
            NewOrder(identifiers: names.map { .dns($0) }), for: model.accounts[actor].id)
        let expires = now.addingTimeInterval(3_600)
        model.orders.append(
            .init(
                id: made.order.id, account: actor, names: names,
                authorizations: zip(made.order.authorizations, names).map { .init(id: $0, name: $1, expires: expires) },
                expires: expires))
        require(made.order.expires == expires.wholeSecond, "expiry differs")
    }

    /// An order of an account that can still act.
    /// - Parameter status: preferred three times out of four, so that histories get somewhere.
    private func someOrder(_ status: OrderStatus? = nil) -> Int? {
        let all = model.orders.indices.filter { model.accounts[model.orders[$0].account].isActive }
        let preferred = all.filter { model.orders[$0].status(now) == status }
        return (roll(4) > 0 && !preferred.isEmpty ? preferred : all).randomElement(using: &dice)
    }

    private func respond() async throws {
        guard let index = someOrder(.pending) else { return }
        let parts = model.orders[index].authorizations.indices
        let open = parts.filter { model.orders[index].authorizations[$0].challenge == .pending }
        guard let part = (roll(4) > 0 && !open.isEmpty ? open : Array(parts)).randomElement(using: &dice) else { return }
        let authorization = model.orders[index].authorizations[part]
        let account = model.accounts[model.orders[index].account].id
        let succeeds = roll(10) > 0
        log.append("respond \(index).\(part) \(succeeds)")
        house.world.say(authorization.name, succeeds ? World.success : World.refusal)
        let authority = house.authority
        let refusal = await refused { () async throws(Refusal) in
            try await authority.respond(authorization.id, .http01, for: account)
        }
        await authority.validations.settled()
        let wasOpen = authorization.challenge == .pending
        if wasOpen, authorization.status(now) == .pending {
            require(refusal == nil, "respond was refused: \(String(describing: refusal))")
            model.orders[index].authorizations[part].challenge = succeeds ? .valid : .invalid
            model.orders[index].authorizations[part].status = succeeds ? .valid : .invalid
            if succeeds { model.orders[index].authorizations[part].expires = now.addingTimeInterval(7_200).wholeSecond }
        } else {
            require((refusal == nil) == !wasOpen, "respond gave \(String(describing: refusal))")
        }
        try await check(index)
    }

    private func deactivateAuthorization() async throws {
        guard let index = someOrder() else { return }
        let part = roll(model.orders[index].authorizations.count)
        let authorization = model.orders[index].authorizations[part]
        log.append("deactivate \(index).\(part)")
        let account = model.accounts[model.orders[index].account].id
        let authority = house.authority
        let refusal = await refused { () async throws(Refusal) in
            try await authority.deactivateAuthorization(authorization.id, for: account)
        }
        let may = [.pending, .valid, .deactivated].contains(authorization.status(now))
        require((refusal == nil) == may, "deactivation of \(authorization.status(now)) gave \(String(describing: refusal))")
        if may { model.orders[index].authorizations[part].status = .deactivated }
        try await check(index)
    }

    private func finalize(isGood: Bool) async throws {
        guard let index = someOrder(.ready) else { return }
        let order = model.orders[index]
        let account = model.accounts[order.account]
        let key = roll(keys.count)
        log.append("finalize \(index) \(isGood) key \(key)")
        let csr =
            isGood
            ? try CertificateRequest.make(names: order.names, key: keys[key])
            : try roll(2) == 0
                ? CertificateRequest.make(names: order.names + ["more.example"], key: keys[key])
                : CertificateRequest.make(names: order.names, key: CertificateKey(pem: account.key.pem))
        let signerFails = isGood && roll(6) == 0
        if signerFails { house.hierarchy.signer.fail(1) }
        defer { house.hierarchy.signer.fail(0) }
        let before = order.status(now)
        do throws(Refusal) {
            let done = try await house.authority.finalize(order.id, csr: csr, for: account.id)
            switch before {
            case .ready:
                require(isGood && !blocked.contains(key), "a bad CSR was taken")
                model.orders[index].decided = signerFails ? .processing : .valid
                model.orders[index].key = key
                model.orders[index].certificate = done.order.certificate
            case .processing, .valid: require(isGood && order.key == key, "another CSR was taken")
            case .pending, .invalid: require(false, "a \(before) order was finalized")
            }
            require(done.status(at: now) == model.orders[index].status(now), "finalize answered \(done.status(at: now))")
        } catch {
            switch (before, error) {
            case (.ready, .badCSR): require(!isGood || blocked.contains(key), "a good CSR was refused: \(error)")
            case (.pending, .orderNotReady(.pending)), (.invalid, .orderNotReady(.invalid)): break
            case (.processing, .badCSR), (.valid, .badCSR): require(!isGood, "a good CSR was refused: \(error)")
            case (.processing, .orderNotReady), (.valid, .orderNotReady):
                require(!isGood || order.key != key, "the order's own CSR was refused: \(error)")
            default: require(false, "finalize of \(before) gave \(error)")
            }
        }
        try await check(index)
    }

    private func revoke(_ actor: Int) async throws {
        let issued = model.orders.indices.filter { model.orders[$0].certificate != nil }
        guard let index = issued.randomElement(using: &dice), let id = model.orders[index].certificate,
            let certificate = try await house.store.certificate(id)
        else { return }
        let reason: Int? = [nil, 0, 1, 3, 4, 5, 2].randomElement(using: &dice) ?? nil
        let account = model.accounts[actor].id
        let (authority, wasRevoked) = (house.authority, model.orders[index].isRevoked)
        log.append("revoke \(index) \(reason ?? -1)")
        let refusal = await refused { () async throws(Refusal) in
            try await authority.revoke(certificate.der, reason: reason, by: .account(account))
        }
        let now = self.now
        let covers = model.orders[index].names.allSatisfy { name in
            model.orders.contains {
                $0.account == actor && $0.authorizations.contains { $0.name == name && $0.status(now) == .valid }
            }
        }
        let expected: Refusal? =
            model.orders[index].account != actor && !covers
            ? .mayNotRevoke : reason == 2 ? .badRevocationReason(2) : wasRevoked ? .alreadyRevoked : nil
        require(refusal == expected, "revoke gave \(String(describing: refusal)), not \(String(describing: expected))")
        if expected == nil || expected == .alreadyRevoked {
            model.orders[index].isRevoked = true
            if reason == 1, let key = model.orders[index].key { blocked.insert(key) }
        }
    }

    private func changeKey(_ actor: Int) async throws {
        log.append("key change")
        let account = try await house.authority.activeAccount(model.accounts[actor].id)
        let isTaken = roll(3) == 0
        let key = isTaken ? model.accounts[roll(model.accounts.count)].key : SigningKey(.p256)
        let holder = model.accounts.first { $0.key.jwk == key.jwk }?.id
        let inner = try KeyChangeTests.inner(key, oldKey: model.accounts[actor].key.jwk)
        do throws(Refusal) {
            let changed = try await KeyChangeTests.change(house, account, inner)
            require(!isTaken && changed.key == key.jwk, "a used key was taken")
            model.accounts[actor].key = key
        } catch {
            require(isTaken && holder.map { error == .keyInUse(by: $0) } == true, "key change gave \(error)")
        }
    }

    private func deactivateAccount(_ actor: Int) async throws {
        log.append("account off")
        _ = try await house.authority.deactivateAccount(model.accounts[actor].id)
        model.accounts[actor].isActive = false
        for index in model.orders.indices where model.orders[index].account == actor && model.orders[index].decided == .pending {
            model.orders[index].decided = .invalid
        }
        let (authority, account) = (house.authority, model.accounts[actor])
        require(
            await refused { () async throws(Refusal) in try await authority.activeAccount(account.id) } == .accountDeactivated,
            "still active")
    }

    private func recover() async throws {
        log.append("recover")
        require(await house.authority.issuances.recover(), "something was not recovered")
        for index in model.orders.indices where model.orders[index].decided == .processing {
            model.orders[index].decided = model.accounts[model.orders[index].account].isActive ? .valid : .invalid
            model.orders[index].certificate = try await house.store.order(model.orders[index].id)?.order.certificate
            try await check(index)
        }
    }

    private func check(_ index: Int) async throws {
        let order = model.orders[index]
        let found = try #require(try await house.store.order(order.id))
        let status = found.status(at: now)
        require(status == order.status(now), "order \(index) is \(status), expected \(order.status(now))")
        require(Model.later[order.seen]?.contains(status) == true, "order \(index) went from \(order.seen) to \(status)")
        require(found.order.identifiers == order.names.map { .dns($0) }, "identifiers changed")
        require(found.order.authorizations == order.authorizations.map(\.id), "authorizations changed")
        require(
            (status == .valid) == (found.order.certificate != nil),
            "order \(index) is \(status) with certificate \(String(describing: found.order.certificate))")
        for (stored, expected) in zip(found.authorizations, order.authorizations) {
            require(
                stored.status(at: now) == expected.status(now),
                "authorization is \(stored.status(at: now)), expected \(expected.status(now))")
            require(stored.challenge(.http01)?.status == expected.challenge, "challenge differs")
        }
        model.orders[index].seen = status
    }

    private func checkCertificates() async throws {
        var seen: Set<RecordID> = []
        for account in model.accounts {
            for certificate in try await house.store.certificates(CertificateFilter(account: account.id), limit: 1_000) {
                let order = try #require(certificate.order)
                require(seen.insert(order).inserted, "an order has two certificates")
                let expected = model.orders.first { $0.id == order }
                require(
                    expected?.certificate == certificate.id && expected?.decided == .valid, "a certificate that nobody expects")
                require((certificate.revoked != nil) == expected?.isRevoked, "revocation differs")
            }
        }
        require(seen.count == model.orders.filter { $0.decided == .valid }.count, "a valid order without certificate")
    }
}

extension Date {
    fileprivate var wholeSecond: Date { Date(timeIntervalSince1970: timeIntervalSince1970.rounded(.down)) }
}

struct RandomWalkTests {
    static let lanes = 8
    static let walks = 250

    @Test(arguments: 0..<lanes) func `2,000 random histories go as RFC 8555 section 7.1.6 draws them`(lane: Int) async throws {
        var policy = AuthorityPolicy()
        policy.orderLifetime = .seconds(3_600)
        policy.authorizationLifetime = .seconds(7_200)
        policy.validationDelays = []
        let house = try await House(policy: policy)
        var keys = try (0..<4).map { _ in try CertificateKey(.p256) }
        var blocked: Set<Int> = []
        for number in 0..<Self.walks {
            let walk = Walk(
                house, keys, blocked: blocked, seed: UInt64(lane * 1_000_003 + number), label: "lane \(lane) walk \(number)")
            try await walk.run()
            blocked = walk.blocked
            if blocked.count > 1 {
                keys = try (0..<4).map { _ in try CertificateKey(.p256) }
                blocked = []
            }
        }
        let list = try RevocationList(der: try await house.authority.publisher.publish().der)
        let revoked = try await house.store.certificates(CertificateFilter(revoked: true), limit: 100_000)
        // The histories went somewhere.
        #expect(revoked.count > Self.walks / 10)
        #expect(try await house.store.counts().certificates > Self.walks / 2)
        #expect(list.entries.count == revoked.count)
    }
}
