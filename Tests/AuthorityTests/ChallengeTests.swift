import ACME
import Authority
import Foundation
import PKIX
import Store
import Testing

struct ChallengeTests {
    @Test func `a success makes challenge, authorization and order go on`() async throws {
        let house = try await House()
        let account = try await house.account()
        let order = try await house.order(["a.example"], account)
        let id = order.authorizations[0].id
        let begun = try await house.authority.respond(id, .http01, for: account.id)
        #expect(begun.challenge(.http01)?.status == .processing)
        await house.authority.validations.settled()
        let valid = try await house.authority.authorization(id, for: account.id)
        #expect(valid.status == .valid)
        #expect(valid.expires == house.time.now.addingTimeInterval(30 * 86_400))
        #expect(valid.challenge(.http01)?.validated == house.time.now)
        #expect(valid.challenge(.dns01)?.status == .pending)
        #expect(try await house.authority.order(order.order.id, for: account.id).status(at: house.time.now) == .ready)
        // Said again, it changes nothing.
        #expect(try await house.authority.respond(id, .http01, for: account.id) == valid)
        #expect(house.world.queries == 1)
        #expect(house.world.tokens.first == order.authorizations[0].token)
        // The authorization is decided: the others can no longer be answered.
        guard case .wrongState? = await refusal({ try await house.authority.respond(id, .dns01, for: account.id) }) else {
            Issue.record("another challenge of a valid authorization was taken")
            return
        }
    }

    @Test func `S-8.2 a failing target is asked three times, shown each time, and then it is over`() async throws {
        let house = try await House()
        let account = try await house.account()
        let order = try await house.order(["a.example"], account)
        let id = order.authorizations[0].id
        house.world.say("a.example", World.refusal)
        _ = try await house.authority.respond(id, .http01, for: account.id)
        for (queries, wait) in [(1, 3.0), (2, 10.0)] {
            await house.time.untilAsleep(1)
            let shown = try await house.authority.authorization(id, for: account.id)
            #expect(shown.status == .pending)
            let challenge = try #require(shown.challenge(.http01))
            #expect(challenge.status == .processing)
            #expect(challenge.error?.errorType == .connection)
            #expect(challenge.error?.subproblems?.count == queries)
            #expect(challenge.attempts == queries)
            #expect(house.world.queries == queries)
            house.time.advance(wait)
        }
        await house.authority.validations.settled()
        let over = try await house.authority.authorization(id, for: account.id)
        #expect(over.status == .invalid)
        #expect(over.challenge(.http01)?.status == .invalid)
        #expect(over.challenge(.http01)?.error?.subproblems?.count == 3)
        #expect(house.world.queries == 3)
        let whole = try await house.authority.order(order.order.id, for: account.id)
        #expect(whole.status(at: house.time.now) == .invalid)
        #expect(whole.problem?.errorType == .connection)
    }

    @Test func `S-8.2-1 a proof that comes late is found`() async throws {
        let house = try await House()
        let account = try await house.account()
        let order = try await house.order(["a.example"], account)
        let id = order.authorizations[0].id
        house.world.say("a.example", World.refusal)
        _ = try await house.authority.respond(id, .tlsALPN01, for: account.id)
        await house.time.untilAsleep(1)
        house.world.say("a.example", World.success)
        house.time.advance(3)
        await house.authority.validations.settled()
        let authorization = try await house.authority.authorization(id, for: account.id)
        #expect(authorization.status == .valid)
        #expect(authorization.challenge(.tlsALPN01)?.error == nil)
    }

    @Test func `S-8.2-5 posting again brings the next query forward`() async throws {
        let house = try await House()
        let account = try await house.account()
        let order = try await house.order(["a.example"], account)
        let id = order.authorizations[0].id
        house.world.say("a.example", World.refusal)
        _ = try await house.authority.respond(id, .http01, for: account.id)
        await house.time.untilAsleep(1)
        house.world.say("a.example", World.success)
        let again = try await house.authority.respond(id, .http01, for: account.id)
        #expect(again.challenge(.http01)?.status == .processing)
        await house.authority.validations.settled()
        #expect(try await house.authority.authorization(id, for: account.id).status == .valid)
        #expect(house.world.queries == 2)
    }

    @Test func `what a process left behind is claimed by the next, with the failures so far`() async throws {
        let house = try await House()
        let account = try await house.account()
        let order = try await house.order(["a.example"], account)
        let id = order.authorizations[0].id
        // The duty is stored, but the process ends before it can be done.
        _ = try await house.store.beginValidation(
            id, .http01, owner: "earlier", leaseUntil: house.time.now.addingTimeInterval(60), now: house.time.now)
        #expect(await house.authority.validations.claim(at: house.time.now) == 0)
        house.time.advance(61)
        #expect(await house.authority.validations.claim(at: house.time.now) == 1)
        await house.authority.validations.settled()
        #expect(try await house.authority.authorization(id, for: account.id).status == .valid)
        #expect(house.world.thumbprints == [account.key.thumbprint])
    }

    @Test func `S-7.5.2 a deactivated authorization spoils its order and cannot be answered`() async throws {
        let house = try await House()
        let account = try await house.account()
        let order = try await house.ready(["a.example"], account)
        let id = order.authorizations[0].id
        #expect(try await house.authority.deactivateAuthorization(id, for: account.id).status == .deactivated)
        #expect(try await house.authority.deactivateAuthorization(id, for: account.id).status == .deactivated)
        #expect(try await house.authority.order(order.order.id, for: account.id).status(at: house.time.now) == .invalid)
        let csr = try CertificateRequest.make(names: ["a.example"], key: try CertificateKey(.p256))
        #expect(
            await refusal { try await house.authority.finalize(order.order.id, csr: csr, for: account.id) }
                == .orderNotReady(.invalid))
        house.world.say("b.example", World.refusal)
        let failed = try await house.order(["b.example"], account)
        _ = try await house.authority.respond(failed.authorizations[0].id, .http01, for: account.id)
        for _ in 0..<2 {
            await house.time.untilAsleep(1)
            house.time.advance(20)
        }
        await house.authority.validations.settled()
        guard
            case .wrongState? = await refusal({
                try await house.authority.deactivateAuthorization(failed.authorizations[0].id, for: account.id)
            })
        else {
            Issue.record("an invalid authorization was deactivated")
            return
        }
    }

    @Test func `a type that is not offered is nobody's`() async throws {
        let house = try await House()
        let account = try await house.account()
        let order = try await house.order(["*.a.example"], account)
        #expect(
            await refusal { try await house.authority.respond(order.authorizations[0].id, .http01, for: account.id) } == .notYours
        )
    }
}
