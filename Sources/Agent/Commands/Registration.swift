import ACME
import ACMEClient
import Foundation

/// An account for one issue.
struct ReadyAccount: Sendable {
    let value: ACMEAccount
    /// Made for a dry run, and to be deactivated after it.
    let isTemporary: Bool
}

extension CertificateAgent {
    /// The account at this CA, made if there is none. Its key is on disk before the CA hears of it, so that a crash cannot
    /// waste an account binding that serves once.
    /// - Throws: `needsPerson` if terms are not agreed to or a binding is missing.
    func account(
        _ ca: String, _ client: ACMEClient, _ directory: Directory, _ request: IssueRequest, mayRegister: Bool
    ) async throws(AgentError) -> ReadyAccount {
        let record = try store.accountRecord(ca)
        defer { if !request.dryRun { note(directory.meta?.caaIdentities ?? [], of: ca) } }
        let isRegistered = record?.url != nil && record?.deactivated == nil
        if isRegistered || !mayRegister {
            let account = try await storedAccount(ca, client: client)
            tell(.accountReady(url: account.url, created: false))
            return ReadyAccount(value: account, isTemporary: false)
        }
        if let terms = directory.meta?.termsOfService, !terms.isEmpty, await !request.agreesToTerms(terms) {
            throw .needsPerson("The CA's terms of service want your agreement: read \(terms.sanitized), then say --agree-tos.")
        }
        if request.binding == nil, directory.meta?.externalAccountRequired == true || catalogueEntry(ca)?.bindingNeeded == true {
            throw .needsPerson(
                "This CA binds accounts to its customers: get a key identifier and a MAC key from it, and give them with --eab-kid and --eab-hmac-key-file."
            )
        }
        if request.dryRun, request.binding != nil {
            throw .needsPerson("A dry run without an account would use the account binding up. Issue without --dry-run first.")
        }
        let terms = directory.meta?.termsOfService
        let contacts = request.contacts.map { $0.contains(":") ? $0 : "mailto:\($0)" }
        // A key without an account is one that a crash or a refusal left behind, and perhaps the CA knows it.
        var left = record?.deactivated == nil ? try store.accountKey(ca) : nil
        if let key = left {
            var found: ACMEClient.Registration?
            do throws(ACMEClientError) { found = try await client.findAccount(key) } catch {
                // Its account was closed, and there is no way back for the key (RFC 8555 section 7.3.6).
                guard error.problem?.errorType == .unauthorized else { throw AgentError(error) }
                left = nil
            }
            if let found {
                if !request.dryRun {
                    try store.save(AccountRecord(ca: ca, url: found.account.url, contacts: contacts, termsAgreed: terms))
                }
                tell(.accountReady(url: found.account.url, created: false))
                return ReadyAccount(value: found.account, isTemporary: false)
            }
        }
        // A dry run closes its account again: its key must be one that nobody else needs.
        if request.dryRun { left = nil }
        let key = left ?? SigningKey(.p256)
        if !request.dryRun {
            if left == nil { try store.save(key, of: ca) }
            try store.save(AccountRecord(ca: ca, url: nil, contacts: contacts, termsAgreed: terms))
        }
        if left == nil { tell(.accountKeyMade(thumbprint: key.jwk.thumbprint)) }
        let made = try await asking { () async throws(ACMEClientError) in
            try await client.createAccount(key, contacts: contacts, termsAgreed: true, binding: request.binding)
        }
        if !request.dryRun {
            try store.save(AccountRecord(ca: ca, url: made.account.url, contacts: contacts, termsAgreed: terms))
            if made.created { enter(.accounts, [], at: ca) }
        }
        tell(.accountReady(url: made.account.url, created: made.created))
        return ReadyAccount(value: made.account, isTemporary: request.dryRun && made.created)
    }

    /// An account that the CA lost, as one does that was made anew or put back from a backup: registered again, with the same key and
    /// contacts, at this CA and no other.
    /// - Throws: `needsPerson` if the terms are others than those agreed to, or a binding is wanted, which serves once.
    func registerAgain(
        _ ca: String, _ client: ACMEClient, _ directory: Directory, _ request: IssueRequest
    ) async throws(AgentError) -> ReadyAccount {
        guard var record = try store.accountRecord(ca), let key = try store.accountKey(ca) else {
            throw .needsPerson("There is no account at \(ca.sanitized). `chancery issue --ca URL` makes one.")
        }
        // The CA may know the key all the same, under another URL.
        if let found = try await asking({ () async throws(ACMEClientError) in try await client.findAccount(key) }) {
            record.url = found.account.url
            try store.save(record)
            tell(.accountReady(url: found.account.url, created: false))
            return ReadyAccount(value: found.account, isTemporary: false)
        }
        let terms = directory.meta?.termsOfService ?? ""
        if !terms.isEmpty, record.termsAgreed != terms, await !request.agreesToTerms(terms) {
            throw .needsPerson(
                "The CA no longer knows the account, and its terms are others than those agreed to: read \(terms.sanitized), then say `chancery issue` with --agree-tos."
            )
        }
        if request.binding == nil, directory.meta?.externalAccountRequired == true {
            throw .needsPerson(
                "The CA no longer knows the account, and binds accounts to its customers: get a new binding from it, and say `chancery issue` with --eab-kid and --eab-hmac-key-file."
            )
        }
        tell(
            .warning(
                "The CA no longer knows the account \(record.url?.sanitized ?? ""): it is registered again with the same key."))
        let contacts = record.contacts
        let made = try await asking { () async throws(ACMEClientError) in
            try await client.createAccount(key, contacts: contacts, termsAgreed: true, binding: request.binding)
        }
        (record.url, record.termsAgreed) = (made.account.url, terms.isEmpty ? nil : terms)
        try store.save(record)
        if made.created { enter(.accounts, [], at: ca) }
        tell(.accountReady(url: made.account.url, created: made.created))
        return ReadyAccount(value: made.account, isTemporary: false)
    }

    /// Ends a dry run at the CA, as far as the CA lets us; not cut short by cancellation.
    func giveUp(_ proved: Proof?, _ account: ReadyAccount) async {
        let (urls, value, isTemporary) = (proved?.authorizations ?? [], account.value, account.isTemporary)
        await Task {
            for url in urls { try? await value.deactivateAuthorization(url) }
            if isTemporary { try? await value.deactivate() }
        }.value
    }
}
