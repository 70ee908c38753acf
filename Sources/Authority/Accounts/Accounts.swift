package import ACME
internal import Faults
internal import Foundation
internal import Logging
internal import PKIX
package import Store

/// RFC 8555 sections 7.3, 7.3.1, 7.3.2 and 7.3.6.
extension CertificateAuthority {
    /// Finds the key's account or makes one. A known one comes back as it was, whatever else was asked.
    /// - Throws: `accountDoesNotExist` (only an existing one was wanted), `accountDeactivated`, `termsNotAgreed`, contact refusals,
    ///   `badPublicKey` for a weak key or one that a certificate bears.
    package func createAccount(_ wanted: NewAccount, key: JWK) async throws(Refusal) -> (account: StoredAccount, created: Bool) {
        let known = try await stored { () async throws(StoreError) in try await store.account(thumbprint: key.thumbprint) }
        if let known { return (try Self.active(known), false) }
        guard wanted.onlyReturnExisting != true else { throw .accountDoesNotExist }
        if let terms = policy.termsOfService, wanted.termsOfServiceAgreed != true { throw .termsNotAgreed(terms: terms) }
        let contacts = try ContactCheck.check(wanted.contact ?? [], maximum: policy.maximumContacts)
        try await requireAccountKey(key)
        let new = StoredAccount(
            id: around.newID(), key: key, contacts: contacts, agreedTerms: policy.termsOfService,
            created: around.now())
        crashPoint("account.create.before")
        let (account, created) = try await stored { () async throws(StoreError) in try await store.createAccount(new) }
        crashPoint("account.create.after")
        if created { log.info("account created", metadata: .event(account: account.id)) }
        return (try Self.active(account), created)
    }

    /// The account under a URL, if it may still act. From a short-lived cache.
    /// - Throws: `accountDoesNotExist`, `accountDeactivated`.
    package func activeAccount(_ id: RecordID) async throws(Refusal) -> StoredAccount {
        let now = around.now()
        let (cached, mark) = accounts.account(id, at: now)
        if let cached { return try Self.active(cached) }
        guard let account = try await stored({ () async throws(StoreError) in try await store.account(id) }) else {
            throw .accountDoesNotExist
        }
        accounts.keep(account, mark: mark, at: now)
        return try Self.active(account)
    }

    /// The account as it is now, after a request of it was proved with `known`. A look into memory where this server is alone; among
    /// several, what another has changed meanwhile shows here (`NonceBook.outdatesAccounts`).
    /// - Throws: `accountDeactivated`; `malformed` when its key has been changed since.
    package func confirmed(_ known: StoredAccount) async throws(Refusal) -> StoredAccount {
        let now = try await activeAccount(known.id)
        guard now.key == known.key else { throw .malformed("The account's key has been changed meanwhile.") }
        return now
    }

    /// Replaces the contacts, or deactivates; other members and other values of `status` are ignored.
    package func updateAccount(_ update: AccountUpdate, account: RecordID) async throws(Refusal) -> StoredAccount {
        if update.status == AccountStatus.deactivated.rawValue { return try await deactivateAccount(account) }
        guard let contact = update.contact else { return try await activeAccount(account) }
        let contacts = try ContactCheck.check(contact, maximum: policy.maximumContacts)
        accounts.forget(account)
        defer { accounts.forget(account) }
        let updated: StoredAccount
        do { updated = try await store.updateContacts(account, contacts) } catch .conflict { throw .accountDeactivated } catch {
            log.error("the store refused", metadata: .event(account: account, error: error))
            throw Refusal(error)
        }
        log.info("contacts changed", metadata: .event(account: account))
        return try Self.active(updated)
    }

    /// For good; orders not yet finalized become invalid. Its certificates live on.
    package func deactivateAccount(_ account: RecordID) async throws(Refusal) -> StoredAccount {
        accounts.forget(account)
        defer { accounts.forget(account) }
        let gone = try await stored { () async throws(StoreError) in try await store.deactivateAccount(account) }
        log.info("account deactivated", metadata: .event(account: account))
        return gone
    }

    static func active(_ account: StoredAccount) throws(Refusal) -> StoredAccount {
        guard account.status == .valid else { throw .accountDeactivated }
        return account
    }

    /// RFC 8555 section 11.1: strong, and not the key of a certificate.
    func requireAccountKey(_ key: JWK) async throws(Refusal) {
        let info: PublicKeyInfo
        do {
            info = try PublicKeyInfo(der: key.subjectPublicKeyInfo)
            try KeyCheck.check(info)
        } catch { throw .badPublicKey("The account key is refused: \(error.reason).") }
        let hash = info.fingerprint
        let certified = try await stored { () async throws(StoreError) in
            if try await store.isKeyBlocked(hash) { return true }
            return try await store.isKeyCertified(hash)
        }
        guard !certified else { throw .badPublicKey("The account key is, or was, the key of a certificate; make another one.") }
    }
}
