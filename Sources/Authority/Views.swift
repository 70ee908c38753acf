package import ACME
package import Foundation
package import Store

/// An order as it stands now: what is stored and what follows from it and the clock.
package struct OrderView: Sendable {
    package let order: StoredOrder
    package let status: OrderStatus
    /// Why it is invalid.
    package let problem: Problem?
    /// Seconds until asking again makes sense; set while processing.
    package let retryAfter: Int?
}

/// An authorization as it stands now.
package struct AuthorizationView: Sendable {
    package let authorization: StoredAuthorization
    package let status: AuthorizationStatus
    /// Those to show: all while pending, and whatever happened to them afterwards.
    package let challenges: [ChallengeView]
    package let retryAfter: Int?
}

/// A challenge as it stands now. Its URL is made of authorization and type.
package struct ChallengeView: Sendable {
    package let authorization: RecordID
    package let type: ChallengeType
    package let status: ChallengeStatus
    package let token: String
    package let validated: Date?
    package let error: Problem?
    /// Seconds until the next query will be over; set while processing.
    package let retryAfter: Int?
}

/// The ways from one leaf upwards, DER, leaf first, the root left out. Each begins with the same leaf; the first is the default.
package struct IssuedChains: Sendable {
    package let chains: [[[UInt8]]]
}

/// A revocation list as it is served.
package struct PublishedList: Sendable {
    package let der: [UInt8]
    package let number: Int64
    package let thisUpdate: Date
    package let nextUpdate: Date
}
