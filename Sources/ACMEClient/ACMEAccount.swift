public import ACME
import Foundation

/// An account at one CA with the key that signs for it: every request that needs one.
public struct ACMEAccount: Sendable {
    /// The CA.
    public let client: ACMEClient
    /// Secret.
    public let key: SigningKey
    /// Byte for byte as the CA gave it: the `kid` (RFC 8555 section 6.2).
    public let url: String

    /// RFC 8555 section 7.3.2.
    public func state() async throws(ACMEClientError) -> Account { try await fetch(url).decode(Account.self) }

    /// Replaces all contacts (RFC 8555 section 7.3.2).
    public func update(contacts: [String]) async throws(ACMEClientError) -> Account {
        try checkContacts(contacts)
        return try await send(AccountUpdate(contact: contacts), to: url).decode(Account.self)
    }

    /// For good: the key never serves again (RFC 8555 section 7.3.6).
    public func deactivate() async throws(ACMEClientError) {
        _ = try await send(AccountUpdate(status: AccountStatus.deactivated.rawValue), to: url)
    }

    /// Gives the account another key (RFC 8555 section 7.3.5). Keep `new` on disk beside the old one until this returns: should
    /// the answer be lost, this asks which of the two the CA knows, and a caller who was killed must do the same
    /// (`ACMEClient.findAccount`).
    /// - Parameter new: fresh, used nowhere else (section 11.1).
    /// - Returns: this account with its new key.
    public func rollOver(to new: SigningKey) async throws(ACMEClientError) -> ACMEAccount {
        guard new.jwk != key.jwk else { throw .input("The new account key is the old one.") }
        let target = try await client.directory().keyChange
        guard !target.isEmpty else { throw .unsupported("keyChange") }
        let inner: [UInt8]
        do {
            let change = try encode(KeyChange(account: url, oldKey: key.jwk))
            inner = try new.message(payload: change, url: target, nonce: nil, signer: nil)
        } catch { throw .input("The new account key cannot sign: \(error)") }
        let rolled = ACMEAccount(client: client, key: new, url: url)
        for attempt in 0...1 {
            do {
                _ = try await client.post(target, payload: inner, key: key, account: url)
                return rolled
            } catch {
                guard case .transport = error else { throw error }
                if let found = try await client.findAccount(new), found.account.url == url { return rolled }
                if attempt == 1 { throw error }
            }
        }
        return rolled
    }

    /// Revokes a certificate of this account, or one for whose names it holds authorizations (RFC 8555 section 7.6).
    /// - Parameters:
    ///   - certificate: DER.
    ///   - reason: CRLReason (RFC 5280 section 5.3.1); CAs take 0, 1, 3, 4 and 5.
    public func revoke(_ certificate: [UInt8], reason: Int? = nil) async throws(ACMEClientError) {
        try await client.revoke(certificate, reason: reason, key: key, account: url)
    }

    /// URLs of the account's orders (RFC 8555 section 7.1.2.1), at most 1,000, over at most 100 pages.
    /// - Throws: `unsupported` where the CA shows none.
    public func orders() async throws(ACMEClientError) -> [String] {
        guard var next = try await state().orders else { throw .unsupported("a list of orders") }
        var orders: [String] = []
        for _ in 0..<100 where orders.count < 1_000 {
            let answer = try await fetch(next)
            orders += try answer.decode(OrderList.self).orders
            guard let following = answer.links("next").first, following != next else { break }
            next = following
        }
        return Array(orders.prefix(1_000))
    }

    // MARK: Requests

    /// POST-as-GET (RFC 8555 section 6.3).
    func fetch(_ url: String, accept: String = "application/json") async throws(ACMEClientError) -> Answer {
        try await client.post(url, payload: [], key: key, account: self.url, accept: accept)
    }

    func send(_ payload: some Encodable, to url: String) async throws(ACMEClientError) -> Answer {
        try await client.post(url, payload: encode(payload), key: key, account: self.url)
    }
}
