package import ACME
internal import Faults
internal import Foundation
internal import Logging
package import Store

/// RFC 8555 section 7.3.5.
extension CertificateAuthority {
    /// - Parameters:
    ///   - account: whose key signed the outer message.
    ///   - inner: the outer message's payload, signed by the new key.
    ///   - url: the outer message's `url`, already checked.
    ///   - accountURL: the outer message's `kid`.
    /// - Returns: the account with its new key; the old one is of no more use.
    /// - Throws: `malformed`, `badPublicKey`, `keyInUse` (also by itself, and by a deactivated account).
    package func changeKey(
        account: StoredAccount, inner: SignedMessage, url: String, accountURL: String
    ) async throws(Refusal) -> StoredAccount {
        guard case .jwk(let new) = inner.signer else { throw .malformed("The inner message must carry the new key as jwk.") }
        guard inner.nonce == nil else { throw .malformed("The inner message must not carry a nonce.") }
        guard inner.isSigned(by: new) else { throw .malformed("The inner message is not signed by the new key.") }
        guard inner.url == url else { throw .malformed("The inner message's url differs from the outer one's.") }
        let change: KeyChange
        do { change = try JSONDecoder.acme.decode(KeyChange.self, strictly: inner.payload) } catch {
            throw .malformed("The inner payload is no key change: \(error.reason).")
        }
        guard change.account == accountURL else { throw .malformed("account in the inner payload is not the account that asks.") }
        guard change.oldKey == account.key else { throw .malformed("oldKey in the inner payload is not the account's key.") }
        if new == account.key { throw .keyInUse(by: account.id) }
        try await requireAccountKey(new)
        accounts.forget(account.id)
        defer { accounts.forget(account.id) }
        crashPoint("account.key.before")
        let outcome = try await stored { () async throws(StoreError) in
            try await store.changeKey(account.id, from: account.key.thumbprint, to: new)
        }
        crashPoint("account.key.after")
        switch outcome {
        case .changed:
            log.info("account key changed", metadata: .event(account: account.id))
            accounts.forget(account.id)
            return try await activeAccount(account.id)
        case .taken(let other): throw .keyInUse(by: other)
        case .stale: throw .malformed("The account's key has been changed meanwhile.")
        }
    }
}
