public import struct Foundation.Date

/// An authorization's life (RFC 8555 section 7.1.6).
public enum AuthorizationStatus: String, Sendable, Codable, CaseIterable {
    case pending, valid, invalid, deactivated, expired, revoked

    /// What moves an authorization on.
    public enum Event: String, Sendable, CaseIterable {
        /// One of its challenges became valid.
        case proved
        /// One of its challenges failed for good.
        case failed
        /// Its time is over.
        case expired
        /// By its holder.
        case deactivated
        /// By the operator.
        case revoked
    }

    /// - Throws: `IllegalTransition`, and nothing has changed.
    public func after(_ event: Event) throws(IllegalTransition) -> AuthorizationStatus {
        switch (self, event) {
        case (.pending, .proved): .valid
        case (.pending, .failed): .invalid
        case (.pending, .expired), (.valid, .expired): .expired
        case (.pending, .deactivated), (.valid, .deactivated): .deactivated
        case (.pending, .revoked), (.valid, .revoked): .revoked
        default: throw IllegalTransition(self, event)
        }
    }
}

/// An authorization as a server shows it (RFC 8555 section 7.1.4).
public struct Authorization: Sendable, Equatable, Codable {
    /// Without `*.`.
    public var identifier: Identifier
    /// As of now: what has run out is `expired`.
    public var status: AuthorizationStatus
    /// Always there when valid (RFC 8555 section 7.1.4).
    public var expires: Date?
    /// While pending those offered, later the one that decided.
    public var challenges: [Challenge]
    /// True for an authorization that a wildcard name wants; else absent, or false from some servers (erratum 6364).
    public var wildcard: Bool?

    /// Unchecked.
    public init(
        identifier: Identifier, status: AuthorizationStatus, expires: Date? = nil, challenges: [Challenge], wildcard: Bool? = nil
    ) {
        (self.identifier, self.status, self.expires) = (identifier, status, expires)
        (self.challenges, self.wildcard) = (challenges, wildcard)
    }
}
