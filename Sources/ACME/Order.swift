public import struct Foundation.Date

/// An order's life (RFC 8555 section 7.1.6).
public enum OrderStatus: String, Sendable, Codable, CaseIterable {
    case pending, ready, processing, valid, invalid

    /// What moves an order on.
    public enum Event: String, Sendable, CaseIterable {
        /// The last authorization became valid.
        case authorized
        /// One failed, expired, was deactivated or revoked.
        case authorizationLost
        /// The holder left.
        case accountDeactivated
        /// The order's own time is over.
        case expired
        /// The CSR was refused; another may follow.
        case finalizeRefused
        /// The CSR was accepted.
        case finalized
        /// The certificate is stored and reachable.
        case issued
        /// There will be no certificate.
        case issuanceFailed
    }

    /// - Throws: `IllegalTransition`, and nothing has changed.
    public func after(_ event: Event) throws(IllegalTransition) -> OrderStatus {
        switch (self, event) {
        case (.pending, .authorized): .ready
        case (.pending, .authorizationLost), (.pending, .accountDeactivated), (.pending, .expired): .invalid
        case (.ready, .authorizationLost), (.ready, .accountDeactivated), (.ready, .expired): .invalid
        case (.ready, .finalizeRefused): .ready
        case (.ready, .finalized): .processing
        case (.processing, .issued): .valid
        case (.processing, .issuanceFailed): .invalid
        default: throw IllegalTransition(self, event)
        }
    }
}

/// An order as a server shows it (RFC 8555 section 7.1.3).
public struct Order: Sendable, Equatable, Codable {
    /// As of now: `ready` as soon as the last authorization is valid.
    public var status: OrderStatus
    /// Always there when pending or valid (RFC 8555 section 7.1.3).
    public var expires: Date?
    /// As they were asked for, folded to lower case.
    public var identifiers: [Identifier]
    /// As it was asked for.
    public var notBefore: Date?
    /// As it was asked for.
    public var notAfter: Date?
    /// Why it became invalid.
    public var error: Problem?
    /// URLs.
    public var authorizations: [String]
    /// URL.
    public var finalize: String
    /// URL, once valid.
    public var certificate: String?
    /// The certificate that this order's is to take the place of, see `CertificateIdentifier` (RFC 9773 section 5).
    public var replaces: String?

    /// Unchecked.
    public init(
        status: OrderStatus, expires: Date? = nil, identifiers: [Identifier], notBefore: Date? = nil, notAfter: Date? = nil,
        error: Problem? = nil, authorizations: [String], finalize: String, certificate: String? = nil, replaces: String? = nil
    ) {
        (self.status, self.expires, self.identifiers) = (status, expires, identifiers)
        (self.notBefore, self.notAfter, self.error) = (notBefore, notAfter, error)
        (self.authorizations, self.finalize, self.certificate) = (authorizations, finalize, certificate)
        self.replaces = replaces
    }
}

/// Payload of newOrder (RFC 8555 section 7.4).
public struct NewOrder: Sendable, Equatable, Codable {
    /// Names to be certified, wildcards too.
    public var identifiers: [Identifier]
    /// A wish; a server that cannot meet it refuses.
    public var notBefore: Date?
    /// A wish, as above.
    public var notAfter: Date?
    /// The certificate that the new one is to take the place of, see `CertificateIdentifier` (RFC 9773 section 5). Only for a server
    /// whose directory has `renewalInfo`, and the account that has the certificate.
    public var replaces: String?

    /// Unchecked.
    public init(identifiers: [Identifier], notBefore: Date? = nil, notAfter: Date? = nil, replaces: String? = nil) {
        (self.identifiers, self.notBefore, self.notAfter, self.replaces) = (identifiers, notBefore, notAfter, replaces)
    }
}

/// Payload to an order's finalize URL (RFC 8555 section 7.4).
public struct Finalize: Sendable, Equatable, Codable {
    /// base64url of the CSR's DER.
    public var csr: String

    /// Unchecked.
    public init(csr: String) { self.csr = csr }
}

/// Payload of revokeCert (RFC 8555 section 7.6).
public struct Revocation: Sendable, Equatable, Codable {
    /// base64url of the certificate's DER.
    public var certificate: String
    /// CRLReason (RFC 5280 section 5.3.1).
    public var reason: Int?

    /// Unchecked.
    public init(certificate: String, reason: Int? = nil) { (self.certificate, self.reason) = (certificate, reason) }
}
