/// An account's life (RFC 8555 section 7.1.6).
public enum AccountStatus: String, Sendable, Codable, CaseIterable {
    case valid, deactivated, revoked

    /// What ends an account: its holder or the operator.
    public enum Event: String, Sendable, CaseIterable { case deactivated, revoked }

    /// - Throws: `IllegalTransition`, and nothing has changed.
    public func after(_ event: Event) throws(IllegalTransition) -> AccountStatus {
        switch (self, event) {
        case (.valid, .deactivated): .deactivated
        case (.valid, .revoked): .revoked
        default: throw IllegalTransition(self, event)
        }
    }
}

/// An account as a server shows it (RFC 8555 section 7.1.2).
public struct Account: Sendable, Equatable, Codable {
    /// Others than `valid` are final.
    public var status: AccountStatus
    /// URLs, mostly `mailto:`.
    public var contact: [String]?
    /// True once agreed.
    public var termsOfServiceAgreed: Bool?
    /// URL of the account's orders.
    public var orders: String?

    /// Unchecked.
    public init(status: AccountStatus, contact: [String]? = nil, termsOfServiceAgreed: Bool? = nil, orders: String? = nil) {
        (self.status, self.contact, self.termsOfServiceAgreed, self.orders) = (status, contact, termsOfServiceAgreed, orders)
    }
}

/// Payload of newAccount (RFC 8555 section 7.3).
public struct NewAccount: Sendable, Equatable, Codable {
    /// URLs, mostly `mailto:`.
    public var contact: [String]?
    /// Must be true where the directory names terms.
    public var termsOfServiceAgreed: Bool?
    /// Finds, but never creates.
    public var onlyReturnExisting: Bool?
    /// The inner message, signed with the key that the server's operator handed out.
    public var externalAccountBinding: FlattenedJWS?

    /// Unchecked.
    public init(
        contact: [String]? = nil, termsOfServiceAgreed: Bool? = nil, onlyReturnExisting: Bool? = nil,
        externalAccountBinding: FlattenedJWS? = nil
    ) {
        (self.contact, self.termsOfServiceAgreed) = (contact, termsOfServiceAgreed)
        (self.onlyReturnExisting, self.externalAccountBinding) = (onlyReturnExisting, externalAccountBinding)
    }
}

/// Payload to an account URL (RFC 8555 sections 7.3.2 and 7.3.6). Without members it asks for nothing.
public struct AccountUpdate: Sendable, Equatable, Codable {
    /// `deactivated`; a server ignores other values.
    public var status: String?
    /// Replaces all contacts; empty removes them.
    public var contact: [String]?

    /// Unchecked.
    public init(status: String? = nil, contact: [String]? = nil) { (self.status, self.contact) = (status, contact) }
}

/// Payload of the inner message of a key change (RFC 8555 section 7.3.5).
public struct KeyChange: Sendable, Equatable, Codable {
    /// The account's URL.
    public var account: String
    /// The key that it has so far.
    public var oldKey: JWK

    /// Unchecked.
    public init(account: String, oldKey: JWK) { (self.account, self.oldKey) = (account, oldKey) }
}

/// An account's orders, or a page of them (RFC 8555 section 7.1.2.1).
public struct OrderList: Sendable, Equatable, Codable {
    /// URLs.
    public var orders: [String]

    /// Unchecked.
    public init(orders: [String]) { self.orders = orders }
}
