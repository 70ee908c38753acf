import ACME
import Authority
import Foundation
import Store
import Synchronization
import Testing

/// A look at a challenge whose target is being asked is held until the result is stored.
@Suite(.timeLimit(.minutes(1)))
struct HeldLookTests {
    /// Opens once; whoever comes before waits.
    private final class Barrier: Sendable {
        private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

        func pass() async {
            await withCheckedContinuation { continuation in
                let isOpen = state.withLock { state in
                    if !state.isOpen { state.waiting.append(continuation) }
                    return state.isOpen
                }
                if isOpen { continuation.resume() }
            }
        }

        func open() {
            let waiting = state.withLock { state in
                state.isOpen = true
                defer { state.waiting = [] }
                return state.waiting
            }
            for one in waiting { one.resume() }
        }
    }

    @Test func `the look ends with the verdict`() async throws {
        let house = try await House()
        let barrier = Barrier()
        house.world.hold { await barrier.pass() }
        let account = try await house.account()
        let id = try await house.order(["a.example"], account).authorizations[0].id
        _ = try await house.authority.respond(id, .http01, for: account.id)
        let authority = house.authority
        let look = Task { try await authority.settledAuthorization(id, for: account.id) }
        // Its deadline is the only sleeper.
        await house.time.untilAsleep(1)
        #expect(try await authority.authorization(id, for: account.id).status == .pending)
        barrier.open()
        #expect(try await look.value.status == .valid)
    }

    @Test func `nobody is held for longer than the policy says, nor while the worker rests between two queries`() async throws {
        let house = try await House()
        let barrier = Barrier()
        house.world.hold { await barrier.pass() }
        house.world.say("a.example", World.refusal)
        let account = try await house.account()
        let id = try await house.order(["a.example"], account).authorizations[0].id
        _ = try await house.authority.respond(id, .http01, for: account.id)
        let authority = house.authority
        let look = Task { try await authority.settledAuthorization(id, for: account.id) }
        await house.time.untilAsleep(1)
        house.time.advance(house.policy.queryWait / .seconds(1))
        #expect(try await look.value.challenge(.http01)?.status == .processing)
        let other = Task { try await authority.settledAuthorization(id, for: account.id) }
        await house.time.untilAsleep(1)
        barrier.open()
        let failed = try await other.value
        #expect(failed.challenge(.http01)?.attempts == 1)
        #expect(failed.challenge(.http01)?.error != nil)
        let resting = try await authority.settledAuthorization(id, for: account.id)
        #expect(resting.challenge(.http01)?.attempts == 1)
    }

    @Test func `a stranger is answered at once, and too many looks are not held`() async throws {
        var policy = AuthorityPolicy()
        policy.heldLooks = 0
        let house = try await House(policy: policy)
        let barrier = Barrier()
        house.world.hold { await barrier.pass() }
        let (account, stranger) = (try await house.account(), try await house.account())
        let id = try await house.order(["a.example"], account).authorizations[0].id
        _ = try await house.authority.respond(id, .http01, for: account.id)
        #expect(try await house.authority.settledAuthorization(id, for: account.id).challenge(.http01)?.status == .processing)
        guard case .notYours? = await refusal({ try await house.authority.settledAuthorization(id, for: stranger.id) }) else {
            Issue.record("a stranger saw the authorization")
            return
        }
        barrier.open()
        await house.authority.validations.settled()
    }
}
