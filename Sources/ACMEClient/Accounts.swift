public import ACME
import Foundation

/// What a CA's operator handed out to bind a new account to a customer (RFC 8555 section 7.3.4). Does not print.
public struct AccountBinding: Sendable {
    /// As the CA calls the customer.
    public let keyIdentifier: String
    let key: [UInt8]

    /// - Parameter key: the MAC key as it was handed out: base64url or base64, padded or not, also quoted or wrapped.
    /// - Throws: `input`, without the key in it.
    public init(keyIdentifier: String, key: String) throws(ACMEClientError) {
        let identifier = keyIdentifier.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !identifier.isEmpty else { throw .input("The account binding's key identifier is empty.") }
        var text = key.filter { !$0.isWhitespace && $0 != "\"" && $0 != "'" }
        text = String(text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
        while text.hasSuffix("=") { text.removeLast() }
        text += String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        guard text.utf8.count <= 4096, let bytes = Data(base64Encoded: text), !bytes.isEmpty else {
            throw .input("The account binding's MAC key is neither base64url nor base64.")
        }
        (self.keyIdentifier, self.key) = (identifier, Array(bytes))
    }
}

extension AccountBinding: CustomStringConvertible, CustomReflectable {
    /// The identifier alone.
    public var description: String { "AccountBinding(\(keyIdentifier.sanitized))" }
    /// Without the key.
    public var customMirror: Mirror { Mirror(self, children: ["keyIdentifier": keyIdentifier]) }
}

extension ACMEClient {
    /// An account as newAccount answered.
    public struct Registration: Sendable {
        /// Signs from now on.
        public let account: ACMEAccount
        /// As the CA shows it; only `status` is certain.
        public let state: Account
        /// False if the key had an account before (RFC 8555 section 7.3.1).
        public let created: Bool
    }

    /// Registers a key, or finds the account that it has (RFC 8555 section 7.3).
    /// - Parameters:
    ///   - contacts: URLs. A `mailto` has one address and no header fields (section 7.3).
    ///   - termsAgreed: that a person agreed to `meta.termsOfService`.
    /// - Throws: `input` for a contact that may not be sent; `problem`, of which `userActionRequired`,
    ///   `externalAccountRequired` and `unsupportedContact` are for a person.
    public func createAccount(
        _ key: SigningKey, contacts: [String] = [], termsAgreed: Bool, binding: AccountBinding? = nil
    ) async throws(ACMEClientError) -> Registration {
        try checkContacts(contacts)
        let url = try await directory().newAccount
        let bound = binding.map {
            FlattenedJWS.externalAccountBinding(keyIdentifier: $0.keyIdentifier, key: $0.key, account: key.jwk, url: url)
        }
        let new = NewAccount(
            contact: contacts.isEmpty ? nil : contacts, termsOfServiceAgreed: termsAgreed ? true : nil,
            externalAccountBinding: bound)
        return try await register(new, key: key, at: url)
    }

    /// The account that a key has (RFC 8555 section 7.3.1).
    /// - Returns: nil if it has none.
    public func findAccount(_ key: SigningKey) async throws(ACMEClientError) -> Registration? {
        do {
            return try await register(NewAccount(onlyReturnExisting: true), key: key, at: directory().newAccount)
        } catch {
            guard error.problem?.errorType == .accountDoesNotExist else { throw error }
            return nil
        }
    }

    /// An account whose URL is known already.
    public func account(_ key: SigningKey, url: String) throws(ACMEClientError) -> ACMEAccount {
        try requireHTTPS(url)
        return ACMEAccount(client: self, key: key, url: url)
    }

    /// Revokes a certificate by its own key (RFC 8555 section 7.6).
    /// - Parameters:
    ///   - certificate: DER.
    ///   - reason: CRLReason (RFC 5280 section 5.3.1); CAs take 0, 1, 3, 4 and 5.
    /// - Throws: `problem` with `alreadyRevoked` or `badRevocationReason`, among others; `unsupported`.
    public func revoke(_ certificate: [UInt8], reason: Int?, certificateKey: SigningKey) async throws(ACMEClientError) {
        try await revoke(certificate, reason: reason, key: certificateKey, account: nil)
    }

    func revoke(_ certificate: [UInt8], reason: Int?, key: SigningKey, account: String?) async throws(ACMEClientError) {
        let url = try await directory().revokeCert
        guard !url.isEmpty else { throw .unsupported("revokeCert") }
        let payload = try encode(Revocation(certificate: Base64URL.encode(certificate), reason: reason))
        _ = try await post(url, payload: payload, key: key, account: account)
    }

    private func register(_ new: NewAccount, key: SigningKey, at url: String) async throws(ACMEClientError) -> Registration {
        let answer = try await post(url, payload: encode(new), key: key, account: nil)
        // Some servers answer 200 without a body; the URL is what counts.
        let state = (try? answer.decode(Account.self)) ?? Account(status: .valid)
        let account = ACMEAccount(client: self, key: key, url: try answer.location())
        return Registration(account: account, state: state, created: answer.wire.status == 201)
    }
}

/// RFC 8555 section 7.3: one address per `mailto`, no header fields.
func checkContacts(_ contacts: [String]) throws(ACMEClientError) {
    for contact in contacts {
        guard contact.utf8.count <= 512, contact.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), contact.contains(":") else {
            throw .input("The contact \(contact) is not a URL such as mailto:ops@example.com.")
        }
        guard contact.lowercased().hasPrefix("mailto:") else { continue }
        let address = contact.dropFirst(7)
        guard !address.contains("?"), !address.contains(","), address.split(separator: "@").count == 2 else {
            throw .input("The contact \(contact) must hold exactly one mail address and no header fields.")
        }
    }
}

func encode(_ payload: some Encodable) throws(ACMEClientError) -> [UInt8] {
    do { return Array(try JSONEncoder.acme.encode(payload)) } catch { throw .input("The request cannot be written: \(error)") }
}
