import ACME
import Authority
import Foundation
import PKIX
import Store
import Testing

/// Runs it and returns the refusal; records a failure when there is none.
func refusal<T>(_ body: () async throws -> T, at location: SourceLocation = #_sourceLocation) async -> Refusal? {
    do {
        let value = try await body()
        Issue.record("was not refused: \(value)", sourceLocation: location)
        return nil
    } catch let refusal as Refusal { return refusal } catch {
        Issue.record("failed otherwise: \(error)", sourceLocation: location)
        return nil
    }
}

struct AccountTests {
    @Test func `S-7.3.1-1 S-7.3.1-2 a known key finds its account as it was`() async throws {
        let house = try await House()
        let key = SigningKey(.p256)
        let first = try await house.authority.createAccount(NewAccount(contact: ["mailto:a@example.org"]), key: key.jwk)
        #expect(first.created)
        #expect(first.account.status == .valid)
        let again = try await house.authority.createAccount(NewAccount(contact: ["tel:1"]), key: key.jwk)
        #expect(!again.created)
        #expect(again.account == first.account)
    }

    @Test func `S-11.1-2 fifty creations at once make one account`() async throws {
        let house = try await House()
        let (authority, key) = (house.authority, SigningKey(.p256).jwk)
        let ids = try await withThrowingTaskGroup(of: (RecordID, Bool).self) { group in
            for _ in 0..<50 {
                group.addTask {
                    let made = try await authority.createAccount(NewAccount(), key: key)
                    return (made.account.id, made.created)
                }
            }
            return try await group.reduce(into: [(RecordID, Bool)]()) { $0.append($1) }
        }
        #expect(Set(ids.map(\.0)).count == 1)
        #expect(ids.filter(\.1).count == 1)
    }

    @Test func `S-7.3-1 S-7.3.1-3 onlyReturnExisting makes nothing`() async throws {
        let house = try await House()
        let key = SigningKey(.ed25519).jwk
        #expect(
            await refusal { try await house.authority.createAccount(NewAccount(onlyReturnExisting: true), key: key) }
                == .accountDoesNotExist)
        #expect(try await house.store.accounts(limit: 10).isEmpty)
        let made = try await house.authority.createAccount(NewAccount(), key: key)
        let found = try await house.authority.createAccount(NewAccount(onlyReturnExisting: true), key: key)
        #expect(found.account == made.account)
    }

    @Test(arguments: [nil, false] as [Bool?]) func `S-7.3-8 terms of service must be agreed to where there are any`(agreed: Bool?)
        async throws
    {
        var policy = AuthorityPolicy()
        policy.termsOfService = "https://ca.test/terms"
        let house = try await House(policy: policy)
        let key = SigningKey(.p256).jwk
        #expect(
            await refusal { try await house.authority.createAccount(NewAccount(termsOfServiceAgreed: agreed), key: key) }
                == .termsNotAgreed(terms: "https://ca.test/terms"))
        let made = try await house.authority.createAccount(NewAccount(termsOfServiceAgreed: true), key: key)
        #expect(made.account.agreedTerms == "https://ca.test/terms")
    }

    static let contacts: [(String, ErrorType?)] = [
        ("mailto:a@example.org", nil), ("MAILTO:a@example.org", nil), ("mailto:müller@example.org", nil),
        ("mailto:a+b@host", nil),
        ("mailto:a@bücher.example", nil), ("mailto:a.b-c_d@xn--bcher-kva.example", nil),
        ("tel:+49301234", .unsupportedContact), ("https://example.org", .unsupportedContact),
        ("a@example.org", .unsupportedContact),
        ("", .unsupportedContact), ("mailto", .unsupportedContact), ("mailto :a@example.org", .unsupportedContact),
        ("mailto:", .invalidContact), ("mailto:nobody", .invalidContact), ("mailto:a@example.org?subject=x", .invalidContact),
        ("mailto:a@example.org,b@example.org", .invalidContact), ("mailto:a@example.org%2Cb@example.org", .invalidContact),
        ("mailto:a@b@example.org", .invalidContact), ("mailto:@example.org", .invalidContact), ("mailto:a@", .invalidContact),
        ("mailto:a@127.0.0.1", .invalidContact), ("mailto:a@*.example.org", .invalidContact),
        ("mailto:a b@example.org", .invalidContact),
        ("mailto:<a@example.org>", .invalidContact), ("mailto:a@example.org\n", .invalidContact),
        ("mailto:a\u{202E}@example.org", .invalidContact),
        ("mailto:.a@example.org", .invalidContact), ("mailto:a..b@example.org", .invalidContact),
        ("mailto:a@-example.org", .invalidContact),
        ("mailto:" + String(repeating: "a", count: 65) + "@example.org", .invalidContact),
        ("mailto:a@" + String(repeating: "a.", count: 200) + "org", .invalidContact),
    ]
    @Test(arguments: contacts) func `S-7.3-3 to S-7.3-6 a contact is one mailto address`(contact: String, type: ErrorType?)
        async throws
    {
        let house = try await House()
        let account = try await house.account()
        do {
            let updated = try await house.authority.updateAccount(AccountUpdate(contact: [contact]), account: account.id)
            #expect(type == nil)
            #expect(updated.contacts == [contact])
        } catch {
            #expect(Problem(error).errorType == type)
            #expect(try await house.authority.activeAccount(account.id).contacts.isEmpty)
        }
    }

    @Test func `S-7.3.2-1 an update replaces contacts and ignores other statuses`() async throws {
        let house = try await House()
        let account = try await house.account()
        _ = try await house.authority.updateAccount(AccountUpdate(contact: ["mailto:a@example.org"]), account: account.id)
        let same = try await house.authority.updateAccount(AccountUpdate(status: "valid"), account: account.id)
        #expect(same.contacts == ["mailto:a@example.org"])
        #expect(same.status == .valid)
        let cleared = try await house.authority.updateAccount(AccountUpdate(contact: []), account: account.id)
        #expect(cleared.contacts.isEmpty)
        let many = (0...house.policy.maximumContacts).map { "mailto:a\($0)@example.org" }
        let refused = await refusal { try await house.authority.updateAccount(AccountUpdate(contact: many), account: account.id) }
        #expect(refused.map(Problem.init)?.errorType == .invalidContact)
    }

    @Test func `S-7.3.6 a deactivated account is gone for good and its pending orders with it`() async throws {
        let house = try await House()
        let key = SigningKey(.p256)
        let account = try await house.account(key)
        let certificate = try await house.issue(["kept.example"], account, try CertificateKey(.p256))
        let ready = try await house.ready(["ready.example"], account)
        let pending = try await house.order(["pending.example"], account)
        _ = try await house.authority.activeAccount(account.id)
        let gone = try await house.authority.updateAccount(AccountUpdate(status: "deactivated"), account: account.id)
        #expect(gone.status == .deactivated)
        #expect(await refusal { try await house.authority.activeAccount(account.id) } == .accountDeactivated)
        #expect(await refusal { try await house.authority.createAccount(NewAccount(), key: key.jwk) } == .accountDeactivated)
        #expect(
            await refusal { try await house.authority.createOrder(NewOrder(identifiers: [.dns("a.example")]), for: account.id) }
                == .accountDeactivated)
        for order in [ready, pending] {
            #expect(try await house.store.order(order.order.id)?.status(at: house.time.now) == .invalid)
        }
        #expect(try await house.store.certificate(certificate.id)?.revoked == nil)
    }

    @Test func `S-6.2-18 weak keys are refused`() async throws {
        let house = try await House()
        // A modulus of 2048 bits that 3 divides.
        let bytes = [UInt8](repeating: 0xFF, count: 255) + [0xFD]
        let json: JSON = .object(["kty": .string("RSA"), "n": .string(Base64URL.encode(bytes)), "e": .string("AQAB")])
        guard let key = try? JWK(json) else { return }
        let refused = await refusal { try await house.authority.createAccount(NewAccount(), key: key) }
        #expect(refused.map(Problem.init)?.errorType == .badPublicKey)
    }

    @Test func `S-11.1-1 the key of a certificate is no account key`() async throws {
        let house = try await House()
        let account = try await house.account()
        let key = SigningKey(.p256)
        _ = try await house.issue(["a.example"], account, try CertificateKey(pem: key.pem))
        let refused = await refusal { try await house.authority.createAccount(NewAccount(), key: key.jwk) }
        #expect(refused.map(Problem.init)?.errorType == .badPublicKey)
    }
}

struct KeyChangeTests {
    static let url = "https://ca.test/acme/default/key-change"
    static let accountURL = "https://ca.test/acme/default/account/x"

    static func inner(
        _ new: SigningKey, account: String = accountURL, oldKey: JWK, url: String = url, signer: SignedMessage.Signer? = nil
    ) throws -> SignedMessage {
        let payload = try JSONEncoder.acme.encode(KeyChange(account: account, oldKey: oldKey))
        return try SignedMessage(inner: try new.message(payload: [UInt8](payload), url: url, nonce: nil, signer: signer))
    }

    static func change(_ house: House, _ account: StoredAccount, _ inner: SignedMessage) async throws(Refusal) -> StoredAccount {
        try await house.authority.changeKey(account: account, inner: inner, url: url, accountURL: accountURL)
    }

    @Test func `S-8.3-6 a challenge is proved by the key that the account has when it answers`() async throws {
        let house = try await House()
        let (old, new, last) = (SigningKey(.p256), SigningKey(.p384), SigningKey(.p256))
        let account = try await house.account(old)
        let order = try await house.order(["a.example"], account)
        let changed = try await Self.change(house, account, try Self.inner(new, oldKey: old.jwk))
        house.world.say("a.example", World.refusal)
        _ = try await house.authority.respond(order.authorizations[0].id, .http01, for: account.id)
        await house.time.untilAsleep(1)
        // A change while queries go on does not spoil the proof that was announced.
        _ = try await Self.change(house, changed, try Self.inner(last, oldKey: new.jwk))
        house.world.say("a.example", World.success)
        house.time.advance(5)
        await house.authority.validations.settled()
        #expect(house.world.thumbprints == [new.jwk.thumbprint, new.jwk.thumbprint])
        #expect(try await house.authority.order(order.order.id, for: account.id).status(at: house.time.now) == .ready)
    }

    @Test func `S-7.3.5-8 S-7.3.5-9 the new key works, the old does not, orders go on`() async throws {
        let house = try await House()
        let (old, new) = (SigningKey(.p256), SigningKey(.p384))
        let account = try await house.account(old)
        let order = try await house.order(["a.example"], account)
        let changed = try await Self.change(house, account, try Self.inner(new, oldKey: old.jwk))
        #expect(changed.key == new.jwk)
        #expect(try await house.authority.activeAccount(account.id).key == new.jwk)
        #expect(
            await refusal { try await house.authority.createAccount(NewAccount(onlyReturnExisting: true), key: old.jwk) }
                == .accountDoesNotExist)
        try await house.prove(order, account)
        #expect(house.world.thumbprints == [new.jwk.thumbprint])
        #expect(try await house.authority.order(order.order.id, for: account.id).status(at: house.time.now) == .ready)
    }

    @Test func `S-7.3.5-2 to S-7.3.5-6 what is inside must be right`() async throws {
        let house = try await House()
        let (old, new, other) = (SigningKey(.p256), SigningKey(.p256), SigningKey(.p256))
        let account = try await house.account(old)
        let wrong = [
            try Self.inner(new, account: Self.accountURL + "/", oldKey: old.jwk), try Self.inner(new, oldKey: other.jwk),
            try Self.inner(new, oldKey: old.jwk, url: Self.url + "/"),
            try Self.inner(new, oldKey: old.jwk, signer: .jwk(other.jwk)),
        ]
        for message in wrong {
            let refused = await refusal { try await Self.change(house, account, message) }
            #expect(refused.map(Problem.init)?.errorType == .malformed)
            #expect(refused.map(Problem.init)?.status == 400)
        }
        let noObject = try SignedMessage(
            inner: try new.message(payload: Array("{\"account\":\"x\"}".utf8), url: Self.url, nonce: nil, signer: nil))
        #expect(await refusal { try await Self.change(house, account, noObject) }.map(Problem.init)?.errorType == .malformed)
        #expect(try await house.authority.activeAccount(account.id).key == old.jwk)
    }

    @Test func `S-7.3.5-7 a key that any account has or had is a conflict with that account`() async throws {
        let house = try await House()
        let (own, foreign, left) = (SigningKey(.p256), SigningKey(.p256), SigningKey(.p256))
        let account = try await house.account(own)
        let other = try await house.account(foreign)
        let gone = try await house.account(left)
        _ = try await house.authority.deactivateAccount(gone.id)
        for (key, holder) in [(own, account.id), (foreign, other.id), (left, gone.id)] {
            #expect(
                await refusal { try await Self.change(house, account, try Self.inner(key, oldKey: own.jwk)) }
                    == .keyInUse(by: holder))
        }
    }
}
