/// CRLReason, RFC 5280 section 5.3.1.
package enum RevocationReason: Int, Sendable, CaseIterable {
    case unspecified = 0
    case keyCompromise = 1
    case caCompromise = 2
    case affiliationChanged = 3
    case superseded = 4
    case cessationOfOperation = 5
    case certificateHold = 6
    case removeFromCRL = 8
    case privilegeWithdrawn = 9
    case aaCompromise = 10

    /// What a certificate's holder may say (BR 7.2.2); the rest is the operator's or nobody's.
    package static let subscribers: Set<RevocationReason> = [
        .unspecified, .keyCompromise, .affiliationChanged, .superseded, .cessationOfOperation,
    ]

    /// What may stand in an entry of our lists: not 0, which is said by silence, and nothing that is for CAs, holds or deltas.
    package static let listed: Set<RevocationReason> = [
        .keyCompromise, .affiliationChanged, .superseded, .cessationOfOperation, .privilegeWithdrawn,
    ]

    /// For instance `keyCompromise`.
    package var name: String { "\(self)" }
}
