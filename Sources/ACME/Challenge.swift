public import struct Foundation.Date

/// The challenge types that are served and answered.
public enum ChallengeType: String, Sendable, Codable, CaseIterable {
    /// RFC 8555 section 8.3.
    case http01 = "http-01"
    /// RFC 8555 section 8.4.
    case dns01 = "dns-01"
    /// RFC 8737.
    case tlsALPN01 = "tls-alpn-01"
}

/// A challenge's life (RFC 8555 section 7.1.6).
public enum ChallengeStatus: String, Sendable, Codable, CaseIterable {
    case pending, processing, valid, invalid

    /// What moves a challenge on.
    public enum Event: String, Sendable, CaseIterable {
        /// The client says that it is ready; it may say so again.
        case answered
        /// A query failed and another will follow.
        case attemptFailed
        /// A query succeeded.
        case proved
        /// There will be no further query, or the authorization ended.
        case failed
    }

    /// - Throws: `IllegalTransition`, and nothing has changed.
    public func after(_ event: Event) throws(IllegalTransition) -> ChallengeStatus {
        switch (self, event) {
        case (.pending, .answered), (.processing, .answered), (.processing, .attemptFailed): .processing
        case (.processing, .proved): .valid
        case (.processing, .failed): .invalid
        default: throw IllegalTransition(self, event)
        }
    }
}

/// A challenge as a server shows it (RFC 8555 section 8).
public struct Challenge: Sendable, Equatable, Codable {
    /// Perhaps none of `ChallengeType`.
    public var type: String
    /// Where to answer.
    public var url: String
    /// Final once `valid` or `invalid`.
    public var status: ChallengeStatus
    /// See `isToken`.
    public var token: String?
    /// When it became valid.
    public var validated: Date?
    /// Of the last failed query, while processing too.
    public var error: Problem?

    /// Unchecked.
    public init(
        type: String, url: String, status: ChallengeStatus, token: String? = nil, validated: Date? = nil, error: Problem? = nil
    ) {
        (self.type, self.url, self.status) = (type, url, status)
        (self.token, self.validated, self.error) = (token, validated, error)
    }
}
