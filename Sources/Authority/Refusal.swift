package import ACME
package import Store

/// Why the authority does not do what it was asked. What a stranger may know stands here; what only the operator may know is logged.
package enum Refusal: Error, Equatable, Sendable {
    // Accounts
    case accountDoesNotExist
    /// Also for an account that the operator revoked.
    case accountDeactivated
    /// - Parameter terms: URL of the newest terms of service.
    case termsNotAgreed(terms: String)
    /// The terms have changed since the account agreed. The answer carries a page where a person can do so again.
    case termsChanged(terms: String, account: RecordID)
    case unsupportedContact(String)
    case invalidContact(String)
    case badPublicKey(String)
    /// A key change to a key that an account has or had. The answer carries that account's URL in Location.
    case keyInUse(by: RecordID)

    // Orders
    case malformed(String)
    /// At least one; each with what is wrong with it.
    case identifiers([IdentifierFault])
    /// Someone else's, or nobody's: never says which.
    case notYours
    case orderNotReady(OrderStatus)
    case badCSR(String)
    /// The authorization or order has left the states in which this could be done.
    case wrongState(String)

    // Revocation
    case unknownCertificate
    case mayNotRevoke
    case badRevocationReason(Int)
    case alreadyRevoked

    // The authority itself
    /// - Parameter retryAfter: seconds.
    case unavailable(retryAfter: Int)
    case broken
}

/// One identifier of an order that cannot be had, as it was written.
package struct IdentifierFault: Equatable, Sendable {
    package enum Kind: Sendable { case malformed, unsupported, rejected }
    package let identifier: Identifier
    package let kind: Kind
    /// A sentence without the name in it.
    package let reason: String
    package init(_ identifier: Identifier, _ kind: Kind, _ reason: String) {
        (self.identifier, self.kind, self.reason) = (identifier, kind, reason)
    }
}

extension Refusal {
    /// The store's trouble as seen from outside.
    init(_ error: StoreError) {
        switch error {
        case .busy, .closed, .shortage: self = .unavailable(retryAfter: 5)
        case .full, .device, .readOnly: self = .unavailable(retryAfter: 60)
        case .conflict, .notFound, .corrupt, .inUse, .missing, .newerSchema, .olderSchema, .broken: self = .broken
        }
    }

    /// Seconds after which the same request may succeed, for Retry-After; nil when waiting does not help.
    package var retryAfter: Int? {
        switch self {
        case .unavailable(let seconds): seconds
        case .broken: 60
        default: nil
        }
    }
}
