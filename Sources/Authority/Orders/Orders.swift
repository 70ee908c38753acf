package import ACME
internal import Faults
internal import Foundation
internal import Logging
internal import PKIX
package import Store

/// RFC 8555 section 7.4, and 7.1.2.1.
extension CertificateAuthority {
    /// A pending order with an authorization of its own for each name; a wildcard's is on the name below the asterisk, by dns-01 only.
    /// - Throws: `identifiers`, `malformed`, `termsChanged`.
    package func createOrder(_ wanted: NewOrder, for account: RecordID) async throws(Refusal) -> OrderWithAuthorizations {
        try await requireAgreement(account)
        let now = around.now()
        let names = try IdentifierCheck.names(wanted.identifiers, policy: policy)
        try Validity.check(
            notBefore: wanted.notBefore, notAfter: wanted.notAfter, policy: policy, now: now, end: issuer.certificate.notAfter)
        var expires = now.addingTimeInterval(policy.orderLifetime.inSeconds).wholeSeconds
        if let notAfter = wanted.notAfter { expires = min(expires, notAfter) }
        if let notBefore = wanted.notBefore {
            expires = min(expires, notBefore.addingTimeInterval(policy.oldestNotBefore.inSeconds))
        }
        let authorizations = names.map { name in
            StoredAuthorization(
                id: around.newID(), account: account, identifier: .dns(name.base), wildcard: name.isWildcard, expires: expires,
                token: Base64URL.encode(around.random(32)),
                challenges: (name.isWildcard ? [.dns01] : policy.challenges).map { StoredChallenge(type: $0) })
        }
        let order = StoredOrder(
            id: around.newID(), account: account, identifiers: names.map { .dns($0.text) },
            authorizations: authorizations.map(\.id),
            notBefore: wanted.notBefore, notAfter: wanted.notAfter, created: now, expires: expires)
        crashPoint("order.create.before")
        do { try await store.createOrder(order, authorizations) } catch .conflict { throw .accountDeactivated } catch {
            log.error("the store refused", metadata: .event(account: account, error: error))
            throw Refusal(error)
        }
        crashPoint("order.create.after")
        log.info("order created", metadata: .event(account: account, order: order.id))
        return OrderWithAuthorizations(order: order, authorizations: authorizations)
    }

    /// - Throws: `notYours`, whether or not it exists.
    package func order(_ id: RecordID, for account: RecordID) async throws(Refusal) -> OrderWithAuthorizations {
        let found = try await stored { () async throws(StoreError) in try await store.order(id) }
        guard let found, found.order.account == account else { throw .notYours }
        return found
    }

    /// A page of the account's orders, invalid ones left out.
    /// - Parameter cursor: what the page before gave.
    package func orders(of account: RecordID, after cursor: RecordID?) async throws(Refusal) -> (ids: [RecordID], next: RecordID?)
    {
        let limit = 100
        let page = try await stored { () async throws(StoreError) in
            try await store.orders(of: account, after: cursor, limit: limit + 1)
        }
        let shown = page.prefix(limit)
        let invalid = try await stored { () async throws(StoreError) in
            try await store.invalid(among: Array(shown), now: around.now())
        }
        return (shown.map(\.id).filter { !invalid.contains($0) }, page.count > limit ? shown.last?.id : nil)
    }
}
