import ACME
import ACMEClient
import Foundation

/// An account as `account show` shows it.
package struct AccountView: Sendable, Equatable, Encodable {
    /// Directory URL.
    package let ca: String
    /// The account's URL.
    package let url: String
    package let status: String
    /// URLs, raw from the CA.
    package let contacts: [String]
    /// Of its key (RFC 7638), for `accounturi` checks and for http-01 servers that answer without files.
    package let thumbprint: String
}

extension CertificateAgent {
    /// What the CA knows of the account. Takes the lock, since an interrupted roll-over is settled.
    /// - Parameter ca: name or URL; nil for the default CA. The same holds below.
    package func showAccount(_ ca: String?) async throws(AgentError) -> AccountView {
        try await withAccount(ca) { (ca, account) async throws(AgentError) in
            let state: Account
            do throws(ACMEClientError) { state = try await account.state() } catch {
                // Some CAs do not show accounts; they find them, though.
                guard case .problem = error else { throw AgentError(error) }
                guard
                    let found = try await asking({ () async throws(ACMEClientError) in
                        try await account.client.findAccount(account.key)
                    })
                else { throw AgentError(error) }
                state = found.state
            }
            return view(ca, account, state)
        }
    }

    /// - Parameter contacts: mail addresses or URLs; empty removes them.
    package func updateAccount(_ ca: String?, contacts: [String]) async throws(AgentError) -> AccountView {
        try await withAccount(ca) { (ca, account) async throws(AgentError) in
            let contacts = contacts.map { $0.contains(":") ? $0 : "mailto:\($0)" }
            let state = try await asking { () async throws(ACMEClientError) in try await account.update(contacts: contacts) }
            var record = try store.accountRecord(ca) ?? AccountRecord(ca: ca, url: account.url, contacts: contacts)
            record.contacts = contacts
            try store.save(record)
            return view(ca, account, state)
        }
    }

    /// A new key for the account. It is on disk before the CA hears of it, and takes the old one's place by one rename after; a
    /// crash in between is settled by asking the CA which of the two it knows.
    package func rollOverAccount(_ ca: String?) async throws(AgentError) -> AccountView {
        try await withAccount(ca) { (ca, account) async throws(AgentError) in
            let next = SigningKey(.p256)
            try store.save(next, .next, of: ca)
            let rolled: ACMEAccount
            do throws(ACMEClientError) { rolled = try await account.rollOver(to: next) } catch {
                // After a refusal the old key holds for certain; else both stay, and the next command asks.
                if case .problem = error { store.dropNextKey(ca) }
                throw AgentError(error)
            }
            try store.adoptNextKey(ca)
            let state = try? await asking { () async throws(ACMEClientError) in try await rolled.state() }
            return view(ca, rolled, state ?? Account(status: .valid))
        }
    }

    /// For good. Certificates stay valid; the next `issue` makes a new account. An account that the CA has closed or does not
    /// know is put aside here all the same: else a store would never get over a CA that was made anew.
    package func deactivateAccount(_ ca: String?) async throws(AgentError) {
        try await withAccount(ca) { (ca, account) async throws(AgentError) in
            do throws(ACMEClientError) { try await account.deactivate() } catch {
                let isGone: Set<ErrorType?> = [.unauthorized, .accountDoesNotExist]
                guard let problem = error.problem, isGone.contains(problem.errorType) else { throw AgentError(error) }
                tell(.warning("The CA had no such valid account any more: \(problem.sentence)"))
            }
            var record = try store.accountRecord(ca) ?? AccountRecord(ca: ca, url: account.url, contacts: [])
            record.deactivated = configuration.now()
            try store.save(record)
        }
    }

    private func withAccount<Value>(
        _ ca: String?, _ work: (String, ACMEAccount) async throws(AgentError) -> Value
    ) async throws(AgentError) -> Value {
        try await withLock { () async throws(AgentError) in
            let url = try directoryURL(ca)
            guard try store.accountRecord(url) != nil else {
                throw .needsPerson("There is no account at \(url.sanitized). `chancery issue --ca URL` makes one.")
            }
            let (client, _, _) = try await open(url)
            return try await work(url, try await storedAccount(url, client: client))
        }
    }

    func view(_ ca: String, _ account: ACMEAccount, _ state: Account) -> AccountView {
        AccountView(
            ca: ca, url: account.url, status: state.status.rawValue, contacts: state.contact ?? [],
            thumbprint: account.key.jwk.thumbprint)
    }
}
