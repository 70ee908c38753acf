import ACME
import Foundation
import PKIX
import Store
import TestSupport
import Testing

@testable import Authority

/// What several servers do at the same time, or one after another's death.
@Suite(.enabled(if: PostgreSQLServer.programs != nil), .timeLimit(.minutes(3))) struct FleetTests {
    @Test func `an order that is finalized at two servers at once gets one certificate`() async throws {
        let siblings = try await Siblings()
        let account = try await siblings.account(at: siblings.all[0])
        for round in 0..<5 {
            let before = siblings.hierarchy.signer.count
            let order = try await siblings.ready("n\(round).example", account, at: siblings.all[round % 2]).order.id
            let csr = try CertificateRequest.make(names: ["n\(round).example"], key: CertificateKey(.p256))
            let answers = await siblings.atOnce { one throws(Refusal) in try await one.finalize(order, csr: csr, for: account.id)
            }
            #expect(answers.allSatisfy { $0.refusal == nil }, "\(answers.map(\.refusal))")
            #expect(siblings.hierarchy.signer.count == before + 1)
            let stored = try await siblings.stores[1].order(order)
            #expect(stored?.order.status == .valid)
            let certificates = Set(answers.compactMap { $0.value?.order.certificate })
            #expect(certificates == [try #require(stored?.order.certificate)])
        }
        await siblings.close()
    }

    @Test func `a challenge that is answered at two servers is asked for once`() async throws {
        let siblings = try await Siblings()
        let account = try await siblings.account(at: siblings.all[0])
        for round in 1...5 {
            let id = try await siblings.order("n.example", account, at: siblings.all[0]).authorizations[0].id
            let answers = await siblings.atOnce { one throws(Refusal) in try await one.respond(id, .http01, for: account.id) }
            #expect(answers.allSatisfy { $0.refusal == nil })
            for one in siblings.all { await one.validations.settled() }
            #expect(siblings.world.queries == round)
            #expect(try await siblings.stores[0].authorization(id)?.status == .valid)
        }
        await siblings.close()
    }

    @Test func `one key makes one account, and goes to one account`() async throws {
        let siblings = try await Siblings()
        let key = SigningKey(.p256)
        let wanted = NewAccount(termsOfServiceAgreed: true)
        let made = await siblings.atOnce { one throws(Refusal) in try await one.createAccount(wanted, key: key.jwk) }
        #expect(made.count { $0.value?.created == true } == 1)
        #expect(Set(made.compactMap { $0.value?.account.id }).count == 1)

        let url = "https://ca.test/key-change"
        let new = SigningKey(.p256)
        var changes: [(StoredAccount, SignedMessage)] = []
        for one in siblings.all {
            let old = SigningKey(.p256)
            let account = try await siblings.account(old, at: one)
            let payload = try JSONEncoder().encode(KeyChange(account: "kid", oldKey: old.jwk))
            let inner = try SignedMessage(inner: new.message(payload: Array(payload), url: url, nonce: nil, signer: nil))
            changes.append((account, inner))
        }
        let (all, both) = (siblings.all, changes)
        let outcomes = await siblings.atOnce { one throws(Refusal) in
            let (account, inner) = both[all[0] === one ? 0 : 1]
            return try await one.changeKey(account: account, inner: inner, url: url, accountURL: "kid")
        }
        let winner = try #require(outcomes.compactMap(\.value).first)
        #expect(outcomes.compactMap(\.refusal) == [.keyInUse(by: winner.id)])
        await siblings.close()
    }

    @Test func `what one server changed of an account holds at the other from its next request on`() async throws {
        let siblings = try await Siblings()
        let (here, there) = (siblings.all[0], siblings.all[1])
        let account = try await siblings.account(at: here)
        // Both remember it.
        for one in siblings.all {
            let known = try await one.activeAccount(account.id)
            #expect(try await one.nonces.spend(one.nonces.issue()))
            #expect(try await one.confirmed(known) == account)
        }
        _ = try await here.updateAccount(AccountUpdate(contact: ["mailto:new@example.org"]), account: account.id)
        #expect(try await there.nonces.spend(here.nonces.issue()))
        #expect(try await there.confirmed(account).contacts == ["mailto:new@example.org"])
        _ = try await here.deactivateAccount(account.id)
        #expect(try await there.nonces.spend(there.nonces.issue()))
        await #expect(throws: Refusal.accountDeactivated) { _ = try await there.confirmed(account) }
        await siblings.close()
    }

    @Test func `the page where terms are agreed to opens at every server`() async throws {
        var policy = AuthorityPolicy()
        policy.termsOfService = "https://ca.test/terms"
        let siblings = try await Siblings(policy: policy)
        let account = try await siblings.account(at: siblings.all[0])
        let token = try #require(siblings.all[0].consentToken(account.id))
        #expect(siblings.all[1].terms(account.id, token: token) == "https://ca.test/terms")
        #expect(siblings.all[1].terms(account.id, token: String(token.reversed())) == nil)
        await siblings.close()
    }

    @Test func `a certificate is revoked once, lists are signed one at a time, and every server shows the newest`() async throws {
        let siblings = try await Siblings(3)
        let account = try await siblings.account(at: siblings.all[0])
        var serials: Set<[UInt8]> = []
        for round in 0..<3 {
            let certificate = try await siblings.issue("n\(round).example", account, at: siblings.all[round])
            serials.insert(certificate.serial)
            let outcomes = await siblings.atOnce { one throws(Refusal) in
                try await one.revoke(certificate.der, reason: nil, by: .account(account.id))
            }
            #expect(outcomes.compactMap(\.refusal) == [.alreadyRevoked, .alreadyRevoked])
            let before = siblings.hierarchy.signer.count
            await withTaskGroup(of: Void.self) { group in
                for one in siblings.all { group.addTask { _ = try? await one.publisher.keepCurrent() } }
            }
            #expect(siblings.hierarchy.signer.count == before + 1, "one list says it all")
        }
        for one in siblings.all {
            _ = try await one.publisher.isDue()
            let list = try RevocationList(der: try #require(one.publisher.current).der)
            #expect(Set(list.entries.map(\.serial)) == serials)
        }
        #expect(Set(siblings.all.compactMap { $0.publisher.current?.number }).count == 1)
        await siblings.close()
    }

    @Test func `a dead server's validation is taken over after five silent rounds, a sleeping one's comes too late`() async throws
    {
        let siblings = try await Siblings()
        let (dead, alive) = (siblings.all[0], siblings.all[1])
        let account = try await siblings.account(at: dead)
        let id = try await siblings.order("n.example", account, at: dead).authorizations[0].id
        siblings.world.say("n.example", World.refusal)
        _ = try await dead.respond(id, .http01, for: account.id)
        while try await siblings.stores[1].authorization(id)?.challenge(.http01)?.attempts != 1 { await Task.yield() }
        siblings.world.say("n.example", World.success)

        await siblings.live(without: dead, rounds: Heart.patience)
        #expect(try await siblings.stores[1].authorization(id)?.status == .pending, "not before its time")
        await siblings.live(without: dead, rounds: 1)
        await alive.validations.settled()
        #expect(try await siblings.stores[1].authorization(id)?.status == .valid)
        #expect(alive.heart?.servers == 1)
        // It was only asleep: it joins again, and its own next query changes nothing.
        await dead.heart?.round()
        await dead.heart?.round()
        #expect(try await siblings.stores[0].servers().count == 2)
        siblings.world.say("n.example", World.refusal)
        siblings.time.advance(120)
        await dead.validations.settled()
        #expect(try await siblings.stores[1].authorization(id)?.status == .valid)
        await siblings.close()
    }

    @Test func `a dead server's issuance is finished by another, with the same bytes, once`() async throws {
        let siblings = try await Siblings()
        let (dead, alive) = (siblings.all[0], siblings.all[1])
        let account = try await siblings.account(at: dead)
        let order = try await siblings.ready("n.example", account, at: dead).order.id
        siblings.hierarchy.signer.fail(1)
        let csr = try CertificateRequest.make(names: ["n.example"], key: CertificateKey(.p256))
        #expect(try await dead.finalize(order, csr: csr, for: account.id).order.status == .processing)
        let intent = try #require(try await siblings.stores[0].intent(of: order))
        let before = siblings.hierarchy.signer.count
        #expect(await alive.issuances.recover())
        #expect(siblings.hierarchy.signer.count == before, "the other is at it")
        await siblings.live(without: dead, rounds: Heart.patience + 1)
        #expect(await alive.issuances.recover())
        #expect(await dead.issuances.recover(), "which comes back, and finds nothing to do")
        #expect(siblings.hierarchy.signer.count == before + 1)
        let stored = try #require(try await siblings.stores[1].order(order)?.order)
        #expect(stored.status == .valid && stored.certificate == intent.id)
        await siblings.close()
    }

    @Test func `a server that ends in order gives its work away at once`() async throws {
        let siblings = try await Siblings()
        let (ending, staying) = (siblings.all[0], siblings.all[1])
        let account = try await siblings.account(at: ending)
        let id = try await siblings.order("n.example", account, at: ending).authorizations[0].id
        siblings.world.say("n.example", World.refusal)
        let run = Task {
            try await ending.validations.run()
            try await ending.heart?.run()
        }
        _ = try await ending.respond(id, .http01, for: account.id)
        while try await siblings.stores[1].authorization(id)?.challenge(.http01)?.attempts != 1 { await Task.yield() }
        run.cancel()
        try await run.value
        siblings.world.say("n.example", World.success)
        #expect(try await siblings.stores[1].servers().count == 1)
        #expect(await staying.validations.claim(at: siblings.time.now) == 1)
        await staying.validations.settled()
        #expect(try await siblings.stores[1].authorization(id)?.status == .valid)
        await siblings.close()
    }
}
