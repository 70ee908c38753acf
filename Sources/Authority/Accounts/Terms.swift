internal import ACME
internal import Crypto
internal import Foundation
internal import Logging
package import Store
internal import Synchronization

/// RFC 8555 section 7.3.3: terms of service that change after an account agreed to them.
extension CertificateAuthority {
    /// - Throws: `termsChanged` when a person must agree first.
    func requireAgreement(_ account: RecordID) async throws(Refusal) {
        guard let terms = policy.termsOfService else { return }
        guard try await activeAccount(account).agreedTerms == terms else {
            throw .termsChanged(terms: terms, account: account)
        }
    }

    /// The last part of the address of the page where a person agrees to the present terms for an account: whoever holds it was given it in
    /// an answer to that account. It serves until the terms change or, where
    /// the database is not shared, the process ends; the next refusal names a new one.
    package func consentToken(_ account: RecordID) -> String? {
        policy.termsOfService.map { consent.token(account, $0) }
    }

    /// - Returns: the terms that the page is about; nil for a token that is none.
    package func terms(_ account: RecordID, token: String) -> String? {
        guard let terms = policy.termsOfService, consent.isToken(token, account, terms) else { return nil }
        return terms
    }

    /// A person has agreed.
    /// - Throws: `notYours` for a token that is none, `accountDeactivated`.
    package func agreeToTerms(_ account: RecordID, token: String) async throws(Refusal) {
        guard let terms = terms(account, token: token) else { throw .notYours }
        defer { accounts.forget(account) }
        do { try await store.agreeToTerms(account, terms) } catch .conflict { throw .accountDeactivated } catch {
            log.error("the store refused", metadata: .event(account: account, error: error))
            throw Refusal(error)
        }
        log.info("terms agreed", metadata: .event(account: account))
    }
}

/// Unguessable names for the consent pages, without keeping any.
final class Consent: Sendable {
    private let secret: Mutex<SymmetricKey>

    init(key: [UInt8]) { secret = Mutex(SymmetricKey(data: key)) }

    /// From now on what another server with the same key has named serves here too.
    func share(_ key: [UInt8]) { secret.withLock { $0 = SymmetricKey(data: key) } }

    private var key: SymmetricKey { secret.withLock { $0 } }

    func token(_ account: RecordID, _ terms: String) -> String {
        Base64URL.encode(HMAC<SHA256>.authenticationCode(for: Self.message(account, terms), using: key))
    }

    /// In constant time.
    func isToken(_ token: String, _ account: RecordID, _ terms: String) -> Bool {
        guard token.utf8.count == 43, let code = try? Base64URL.decode(token) else { return false }
        return HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: Self.message(account, terms), using: key)
    }

    private static func message(_ account: RecordID, _ terms: String) -> Data { Data("terms \(account.text) \(terms)".utf8) }
}
