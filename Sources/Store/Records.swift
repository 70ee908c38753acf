package import ACME
package import Foundation

package struct StoredAccount: Sendable, Equatable {
    package var id: RecordID
    package var key: JWK
    package var status: AccountStatus
    package var contacts: [String]
    /// URL of the terms of service that the account agreed to last; nil when none were asked for.
    package var agreedTerms: String?
    package var created: Date

    package init(
        id: RecordID, key: JWK, status: AccountStatus = .valid, contacts: [String], agreedTerms: String?, created: Date
    ) {
        (self.id, self.key, self.status) = (id, key, status)
        (self.contacts, self.agreedTerms, self.created) = (contacts, agreedTerms, created)
    }
}

package struct StoredChallenge: Sendable, Equatable {
    package var type: ChallengeType
    package var status: ChallengeStatus
    package var validated: Date?
    /// The last failed query, also while `processing`.
    package var error: Problem?
    /// Failed queries so far.
    package var attempts: Int

    package init(
        type: ChallengeType, status: ChallengeStatus = .pending, validated: Date? = nil, error: Problem? = nil,
        attempts: Int = 0
    ) {
        (self.type, self.status, self.validated) = (type, status, validated)
        (self.error, self.attempts) = (error, attempts)
    }
}

/// One row holds its challenges; they share the token. A challenge's URL is the authorization's id and its type.
package struct StoredAuthorization: Sendable, Equatable {
    package var id: RecordID
    package var account: RecordID
    /// The base name, without `*.`.
    package var identifier: Identifier
    package var wildcard: Bool
    /// As stored; `status(at:)` knows the time.
    package var status: AuthorizationStatus
    package var expires: Date
    package var token: String
    package var challenges: [StoredChallenge]

    package init(
        id: RecordID, account: RecordID, identifier: Identifier, wildcard: Bool, status: AuthorizationStatus = .pending,
        expires: Date, token: String, challenges: [StoredChallenge]
    ) {
        (self.id, self.account, self.identifier, self.wildcard) = (id, account, identifier, wildcard)
        (self.status, self.expires, self.token, self.challenges) = (status, expires, token, challenges)
    }

    package func challenge(_ type: ChallengeType) -> StoredChallenge? { challenges.first { $0.type == type } }

    /// RFC 8555 section 7.1.6: what was pending or valid is `expired` from the instant `expires` on.
    package func status(at now: Date) -> AuthorizationStatus {
        switch status {
        case .pending, .valid: now >= expires ? .expired : status
        default: status
        }
    }
}

package struct StoredOrder: Sendable, Equatable {
    package var id: RecordID
    package var account: RecordID
    /// `pending`, `processing`, `valid` or `invalid`; `ready` is derived (`OrderWithAuthorizations.status(at:)`).
    package var status: OrderStatus
    package var identifiers: [Identifier]
    package var authorizations: [RecordID]
    package var notBefore: Date?
    package var notAfter: Date?
    package var created: Date
    package var expires: Date
    package var error: Problem?
    /// Only of a valid order.
    package var certificate: RecordID?

    package init(
        id: RecordID, account: RecordID, status: OrderStatus = .pending, identifiers: [Identifier],
        authorizations: [RecordID], notBefore: Date? = nil, notAfter: Date? = nil, created: Date, expires: Date,
        error: Problem? = nil, certificate: RecordID? = nil
    ) {
        (self.id, self.account, self.status, self.identifiers) = (id, account, status, identifiers)
        (self.authorizations, self.notBefore, self.notAfter) = (authorizations, notBefore, notAfter)
        (self.created, self.expires, self.error, self.certificate) = (created, expires, error, certificate)
    }
}

/// What is going to be signed, committed before any signature is made.
package struct Intent: Sendable, Equatable {
    /// Becomes the certificate's.
    package var id: RecordID
    /// Neither order nor account: the authority's own certificate.
    package var order: RecordID?
    package var account: RecordID?
    /// The issuer's key identifier, hex.
    package var issuer: String
    package var serial: [UInt8]
    package var toBeSigned: [UInt8]
    package var identifiers: [Identifier]
    package var created: Date

    package init(
        id: RecordID, order: RecordID?, account: RecordID?, issuer: String, serial: [UInt8], toBeSigned: [UInt8],
        identifiers: [Identifier], created: Date
    ) {
        (self.id, self.order, self.account, self.issuer) = (id, order, account, issuer)
        (self.serial, self.toBeSigned, self.identifiers, self.created) = (serial, toBeSigned, identifiers, created)
    }
}

package struct StoredCertificate: Sendable, Equatable {
    package struct Revocation: Sendable, Equatable {
        package var at: Date
        /// RFC 5280 section 5.3.1; nil: none given.
        package var reason: Int?
        package init(at: Date, reason: Int?) { (self.at, self.reason) = (at, reason) }
    }

    package var id: RecordID
    package var order: RecordID?
    package var account: RecordID?
    /// The issuer's key identifier, hex.
    package var issuer: String
    package var serial: [UInt8]
    package var der: [UInt8]
    /// SHA-256 of the subject public key info.
    package var keyHash: [UInt8]
    package var identifiers: [Identifier]
    package var notBefore: Date
    package var notAfter: Date
    package var revoked: Revocation?
    package var created: Date

    package init(
        id: RecordID, order: RecordID?, account: RecordID?, issuer: String, serial: [UInt8], der: [UInt8],
        keyHash: [UInt8], identifiers: [Identifier], notBefore: Date, notAfter: Date, revoked: Revocation? = nil,
        created: Date
    ) {
        (self.id, self.order, self.account, self.issuer, self.serial) = (id, order, account, issuer, serial)
        (self.der, self.keyHash, self.identifiers) = (der, keyHash, identifiers)
        (self.notBefore, self.notAfter, self.revoked, self.created) = (notBefore, notAfter, revoked, created)
    }
}

/// A duty that survives a crash: whoever holds the lease does it; when the lease runs out, another may.
package struct WorkItem: Sendable, Equatable {
    package enum Kind: Sendable, Hashable {
        case validation(authorization: RecordID, type: ChallengeType)
        case issuance(intent: RecordID)
    }
    /// Which queue to claim from.
    package enum Sort: String, Sendable, CaseIterable { case validation, issuance }

    package var kind: Kind
    package var owner: String
    package var leaseUntil: Date
    /// Times it was claimed, the first time included.
    package var attempts: Int

    package init(kind: Kind, owner: String, leaseUntil: Date, attempts: Int) {
        (self.kind, self.owner, self.leaseUntil, self.attempts) = (kind, owner, leaseUntil, attempts)
    }
}

/// One line of a revocation list.
package struct StoredRevocation: Sendable, Equatable {
    package var serial: [UInt8]
    package var at: Date
    package var reason: Int?
    package var place: RevocationPlace

    package init(serial: [UInt8], at: Date, reason: Int?, place: RevocationPlace) {
        (self.serial, self.at, self.reason, self.place) = (serial, at, reason, place)
    }
}

/// Where a revocation stands among its issuer's, those that leave the list first in front.
package struct RevocationPlace: Sendable, Equatable {
    /// The later of the revocation's and the certificate's end: a list made after it is the last that names it.
    package var listedUntil: Date
    package var certificate: RecordID

    package init(listedUntil: Date, certificate: RecordID) {
        (self.listedUntil, self.certificate) = (listedUntil, certificate)
    }
}

/// What an issuer's revocation list should say, and what the last one saved does, without either.
package struct PublicationState: Sendable, Equatable {
    /// Revocations of the issuer's certificates since ever.
    package var revocations: Int64
    package var newest: RevocationListHead?

    package init(revocations: Int64, newest: RevocationListHead?) { (self.revocations, self.newest) = (revocations, newest) }

    /// Behind it stand all revocations that the next list must name: each until one list made after its certificate's expiry has named
    /// it too (RFC 5280 section 3.3).
    package var start: RevocationPlace {
        RevocationPlace(listedUntil: newest?.thisUpdate ?? .distantPast, certificate: .first)
    }
}

/// A revocation list without its bytes.
package struct RevocationListHead: Sendable, Equatable {
    package var number: Int64
    package var thisUpdate: Date
    package var nextUpdate: Date
    /// `PublicationState.revocations` before the list was made: whatever was revoked since may be missing from it.
    package var revocations: Int64

    package init(number: Int64, thisUpdate: Date, nextUpdate: Date, revocations: Int64) {
        (self.number, self.revocations) = (number, revocations)
        (self.thisUpdate, self.nextUpdate) = (thisUpdate, nextUpdate)
    }
}

package struct StoredRevocationList: Sendable, Equatable {
    package var issuer: String
    package var number: Int64
    package var der: [UInt8]
    package var thisUpdate: Date
    package var nextUpdate: Date
    /// As in its head.
    package var revocations: Int64

    package init(
        issuer: String, number: Int64, der: [UInt8], thisUpdate: Date, nextUpdate: Date, revocations: Int64 = 0
    ) {
        (self.issuer, self.number, self.der) = (issuer, number, der)
        (self.thisUpdate, self.nextUpdate, self.revocations) = (thisUpdate, nextUpdate, revocations)
    }

    package var head: RevocationListHead {
        RevocationListHead(number: number, thisUpdate: thisUpdate, nextUpdate: nextUpdate, revocations: revocations)
    }
}

package struct StoredIssuer: Sendable, Equatable {
    /// Key identifier, hex.
    package var id: String
    /// DER, the issuer's own certificate first.
    package var chain: [[UInt8]]
    package var created: Date
    package init(id: String, chain: [[UInt8]], created: Date) { (self.id, self.chain, self.created) = (id, chain, created) }
}
