import ACME
import Authority
import Foundation
import Store
import Testing

/// RFC 8555 section 7.3.3.
struct TermsTests {
    private let now = "https://ca.test/terms?v=2"

    private func house() async throws -> House {
        var policy = AuthorityPolicy()
        policy.termsOfService = now
        return try await House(policy: policy)
    }

    /// - Parameter terms: what the account agreed to; nil for one that was made when nothing was asked for.
    private func account(_ house: House, agreed terms: String?) async throws -> StoredAccount {
        let account = StoredAccount(
            id: RecordID(at: house.time.now, random: .random(in: 0 ... .max)), key: SigningKey(.p256).jwk, contacts: [],
            agreedTerms: terms, created: house.time.now)
        return try await house.store.createAccount(account).account
    }

    @Test(arguments: [nil, "https://ca.test/terms?v=1", "https://ca.test/terms?v=2&"])
    func `S-7.3.3-1 an account that agreed to anything else gets no order until someone agrees`(terms: String?) async throws {
        let house = try await house()
        let account = try await account(house, agreed: terms)
        // The account is in the cache by now, as it is after the check of a request's signature.
        _ = try await house.authority.activeAccount(account.id)
        #expect(
            await refusal { try await house.order(["a.example"], account) } == .termsChanged(terms: now, account: account.id))
        let token = try #require(house.authority.consentToken(account.id))
        #expect(house.authority.terms(account.id, token: token) == now)
        #expect(
            await refusal { try await house.order(["a.example"], account) } == .termsChanged(terms: now, account: account.id))
        try await house.authority.agreeToTerms(account.id, token: token)
        #expect(try await house.store.account(account.id)?.agreedTerms == now)
        _ = try await house.order(["a.example"], account)
        // Again, it is as it was.
        try await house.authority.agreeToTerms(account.id, token: token)
        _ = try await house.order(["b.example"], account)
    }

    @Test func `S-7.3-8 an account that agreed to these terms is not asked again`() async throws {
        let house = try await house()
        let account = try await house.account()
        #expect(account.agreedTerms == now)
        _ = try await house.order(["a.example"], account)
    }

    @Test func `where nothing is asked for, nothing is recorded, and no page exists`() async throws {
        let house = try await House()
        let account = try await house.account()
        #expect(account.agreedTerms == nil)
        #expect(house.authority.consentToken(account.id) == nil)
        #expect(house.authority.terms(account.id, token: String(repeating: "A", count: 43)) == nil)
        let older = try await self.account(house, agreed: "https://ca.test/terms?v=1")
        _ = try await house.order(["a.example"], older)
    }

    @Test func `S-7.3.1-2 an account that is found again has agreed to nothing new`() async throws {
        let house = try await house()
        let account = try await account(house, agreed: "https://ca.test/terms?v=1")
        let found = try await house.authority.createAccount(NewAccount(termsOfServiceAgreed: true), key: account.key)
        #expect(!found.created && found.account == account)
        #expect(try await house.store.account(account.id) == account)
    }

    @Test func `a page is one account's, ends with the process, and the next refusal names another`() async throws {
        let house = try await house()
        let (one, two) = (try await account(house, agreed: nil), try await account(house, agreed: nil))
        let token = try #require(house.authority.consentToken(one.id))
        #expect(token.utf8.count == 43)
        #expect(house.authority.consentToken(two.id) != token)
        for (account, token) in [(two, token), (one, token + "="), (one, String(token.dropLast())), (one, "")] {
            #expect(house.authority.terms(account.id, token: token) == nil)
            #expect(await refusal { try await house.authority.agreeToTerms(account.id, token: token) } == .notYours)
        }
        try await house.restart()
        #expect(await refusal { try await house.authority.agreeToTerms(one.id, token: token) } == .notYours)
        #expect(try await house.store.account(one.id)?.agreedTerms == nil)
        let next = try #require(house.authority.consentToken(one.id))
        try await house.authority.agreeToTerms(one.id, token: next)
        _ = try await house.order(["a.example"], one)
    }

    @Test func `no one agrees for a deactivated account`() async throws {
        let house = try await house()
        let account = try await account(house, agreed: nil)
        let token = try #require(house.authority.consentToken(account.id))
        _ = try await house.authority.updateAccount(AccountUpdate(status: "deactivated", contact: nil), account: account.id)
        #expect(await refusal { try await house.authority.agreeToTerms(account.id, token: token) } == .accountDeactivated)
        #expect(try await house.store.account(account.id)?.agreedTerms == nil)
    }
}
