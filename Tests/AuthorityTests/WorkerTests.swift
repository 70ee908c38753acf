import ACME
import Foundation
import PKIX
import Store
import Synchronization
import Testing
import Validation

@testable import Authority

/// How many are inside, and were at most.
private final class Tally: Sendable {
    private let counts = Mutex((now: 0, most: 0))
    var most: Int { counts.withLock { $0.most } }
    func enter() {
        counts.withLock { counts in
            counts.now += 1
            counts.most = max(counts.most, counts.now)
        }
    }
    func leave() { counts.withLock { $0.now -= 1 } }
}

struct WorkerTests {
    @Test func `a starting validation worker takes what the last process left, whatever its lease`() async throws {
        let house = try await House()
        let account = try await house.account()
        let order = try await house.order(["a.example"], account)
        let id = order.authorizations[0].id
        _ = try await house.store.beginValidation(
            id, .dns01, owner: "earlier", leaseUntil: house.time.now.addingTimeInterval(60), now: house.time.now)
        try await house.restart()
        let worker = house.authority.validations
        let run = Task { try await worker.run() }
        while try await house.store.authorization(id)?.status == .pending { await Task.yield() }
        #expect(try await house.store.authorization(id)?.status == .valid)
        run.cancel()
        try await run.value
    }

    @Test func `a stopping validation worker leaves what rests to the next process`() async throws {
        let house = try await House()
        let account = try await house.account()
        let order = try await house.order(["a.example"], account)
        let id = order.authorizations[0].id
        house.world.say("a.example", World.refusal)
        let worker = house.authority.validations
        let run = Task { try await worker.run() }
        _ = try await house.authority.respond(id, .http01, for: account.id)
        while try await house.store.authorization(id)?.challenge(.http01)?.attempts != 1 { await Task.yield() }
        run.cancel()
        try await run.value
        let left = try #require(try await house.store.authorization(id))
        #expect(left.status == .pending && left.challenge(.http01)?.status == .processing)
        house.world.say("a.example", World.success)
        try await house.restart()
        house.time.advance(120)
        #expect(await house.authority.validations.claim(at: house.time.now) == 1)
        await house.authority.validations.settled()
        #expect(try await house.store.authorization(id)?.status == .valid)
    }

    @Test func `what this server lacks itself does not count against the target`() async throws {
        let house = try await House()
        let account = try await house.account()
        let order = try await house.order(["a.example"], account)
        let id = order.authorizations[0].id
        house.world.say("a.example", .failure(Problem(.serverInternal, 503, "This server has no file descriptors left.")))
        _ = try await house.authority.respond(id, .http01, for: account.id)
        while house.world.queries <= house.authority.policy.validationAttempts {
            await house.time.untilAsleep(1)
            house.time.advance(3)
        }
        let waiting = try #require(try await house.store.authorization(id))
        #expect(waiting.status == .pending && waiting.challenge(.http01)?.attempts == 0)
        house.world.say("a.example", World.success)
        await house.time.untilAsleep(1)
        house.time.advance(3)
        await house.authority.validations.settled()
        #expect(try await house.store.authorization(id)?.status == .valid)
    }

    @Test func `a running issuance worker finishes what a failing signer left`() async throws {
        let house = try await House()
        let account = try await house.account()
        let order = try await house.ready(["a.example"], account).order.id
        let (worker, time) = (house.authority.issuances, house.time)
        let run = Task { try await worker.run() }
        house.hierarchy.signer.fail(4)
        let csr = try CertificateRequest.make(names: ["a.example"], key: try CertificateKey(.p256))
        let answer = try await house.authority.finalize(order, csr: csr, for: account.id)
        #expect(answer.status(at: time.now) == .processing)
        while try await house.store.order(order)?.order.status == .processing {
            await Task.yield()
            time.advance(0.05)
        }
        #expect(try await house.store.order(order)?.order.status == .valid)
        run.cancel()
        try await run.value
        // A stopped worker begins nothing.
        let next = try await house.ready(["b.example"], account).order.id
        let other = try CertificateRequest.make(names: ["b.example"], key: try CertificateKey(.p256))
        #expect(
            await refusal { try await house.authority.finalize(next, csr: other, for: account.id) } == .unavailable(retryAfter: 5)
        )
    }

    @Test func `the sweeper clears orders away and leaves certificates`() async throws {
        let house = try await House()
        let account = try await house.account()
        let certificate = try await house.issue(["a.example"], account, try CertificateKey(.p256))
        let order = try await house.order(["b.example"], account).order.id
        house.time.advance(13 * 86_400)
        await house.authority.sweeper.sweep()
        #expect(try await house.store.order(order) != nil)
        house.time.advance(2 * 86_400)
        await house.authority.sweeper.sweep()
        #expect(try await house.store.order(order) == nil)
        #expect(await refusal { try await house.authority.order(order, for: account.id) } == .notYours)
        #expect(try await house.authority.certificate(certificate.id, for: account.id)[0]?.first == certificate.der)
    }

    @Test func `a gate lets its width through and everybody in the end`() async {
        let gate = Gate(width: 3)
        let tally = Tally()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<2_500 {
                group.addTask {
                    await gate.pass {
                        tally.enter()
                        await Task.yield()
                        tally.leave()
                    }
                }
            }
        }
        #expect(tally.most == 3)
    }

    @Test func `a bell ends a rest, also when it was rung before, and once`() async {
        let time = SimulatedTime()
        let bell = Bell()
        bell.ring()
        bell.ring()
        await bell.rest(.seconds(1_000), time.surroundings)
        let isOver = Mutex(false)
        let rest = Task {
            await bell.rest(.seconds(10), time.surroundings)
            isOver.withLock { $0 = true }
        }
        await time.untilAsleep(1)
        #expect(!isOver.withLock { $0 })
        time.advance(10)
        await rest.value
        let cancelled = Task { await bell.rest(.seconds(1_000), time.surroundings) }
        cancelled.cancel()
        await cancelled.value
    }

    @Test func `an outcome reaches all who wait, early or late, and only those who waited long enough`() async {
        let time = SimulatedTime()
        let outcome = Outcome<Int>()
        let deadlines = Deadlines(uptime: time.surroundings.uptime, sleep: time.surroundings.sleep)
        async let patient = outcome.value(within: .seconds(10), deadlines)
        await time.untilAsleep(1)
        async let hasty = outcome.value(within: .seconds(1), deadlines)
        await time.untilAsleep(2)
        time.advance(2)
        #expect(await hasty == nil)
        outcome.settle(1)
        outcome.settle(2)
        #expect(await patient == 1)
        #expect(await outcome.value(within: .seconds(1), deadlines) == 1)
    }

    @Test func `a cached account is fresh, and forgotten on every change`() {
        let cache = AccountCache(capacity: 2, lifetime: 10)
        let now = Date(timeIntervalSince1970: 0)
        func account(_ number: UInt64) -> StoredAccount {
            StoredAccount(
                id: RecordID(at: now, random: number), key: SigningKey(.p256).jwk, contacts: [], agreedTerms: nil, created: now)
        }
        let (one, two, three) = (account(1), account(2), account(3))
        cache.keep(one, mark: cache.account(one.id, at: now).mark, at: now)
        #expect(cache.account(one.id, at: now.addingTimeInterval(9)).account == one)
        #expect(cache.account(one.id, at: now.addingTimeInterval(10)).account == nil)
        let mark = cache.account(two.id, at: now).mark
        cache.forget(two.id)
        cache.keep(two, mark: mark, at: now)
        #expect(cache.account(two.id, at: now).account == nil)
        cache.keep(two, mark: cache.account(two.id, at: now).mark, at: now)
        cache.keep(three, mark: cache.account(three.id, at: now).mark, at: now)
        #expect(cache.account(three.id, at: now).account == three)
        #expect(cache.account(one.id, at: now).account == nil)
    }
}
