internal import ACME
internal import Foundation
internal import Store

/// Stored records as the protocol shows them at an instant (RFC 8555 section 7.1): with URLs in place of identifiers.
struct Views: Sendable {
    let addresses: Addresses

    func account(_ account: StoredAccount) -> Account {
        Account(
            status: account.status, contact: account.contacts.isEmpty ? nil : account.contacts,
            termsOfServiceAgreed: account.agreedTerms == nil ? nil : true, orders: addresses[.orders(account.id)])
    }

    func order(_ whole: OrderWithAuthorizations, at now: Date) -> Order {
        let order = whole.order
        let status = whole.status(at: now)
        return Order(
            status: status, expires: order.expires, identifiers: order.identifiers, notBefore: order.notBefore,
            notAfter: order.notAfter, error: status == .invalid ? order.error ?? brief(whole.problem) : nil,
            authorizations: order.authorizations.map { addresses[.authorization($0)] }, finalize: addresses[.finalize(order.id)],
            certificate: status == .valid ? order.certificate.map { addresses[.certificate($0, chain: 0)] } : nil,
            replaces: order.replaces)
    }

    /// A decided authorization shows what decided it; the other challenges are of no more use to anyone (RFC 8555 section 7.1.4).
    func authorization(_ authorization: StoredAuthorization, at now: Date) -> Authorization {
        let decisive: ChallengeStatus? =
            switch authorization.status {
            case .valid: .valid
            case .invalid: .invalid
            default: nil
            }
        let shown = authorization.challenges.filter { $0.status == decisive }
        return Authorization(
            identifier: authorization.identifier, status: authorization.status(at: now), expires: authorization.expires,
            challenges: (shown.isEmpty ? authorization.challenges : shown).map { challenge($0, of: authorization) },
            wildcard: authorization.wildcard ? true : nil)
    }

    /// `error` shows only where RFC 8555 section 8 (erratum 5732) has it: while queries go on, and when they failed for good.
    func challenge(_ challenge: StoredChallenge, of authorization: StoredAuthorization) -> Challenge {
        let tells = challenge.status == .processing || challenge.status == .invalid
        return Challenge(
            type: challenge.type.rawValue, url: addresses[.challenge(authorization.id, challenge.type)], status: challenge.status,
            token: authorization.token, validated: challenge.status == .valid ? challenge.validated : nil,
            error: tells ? brief(challenge.error) : nil)
    }

    /// RFC 8555 section 8.2 wants an entry for each failed query; one that failed like the last, which speaks for all, says only that.
    private func brief(_ problem: Problem?) -> Problem? {
        guard var problem, let queries = problem.subproblems else { return problem }
        problem.subproblems = queries.enumerated().map { index, query in
            var query = query
            query.detail = "Query \(index + 1): " + (query.detail == problem.detail ? "the same." : query.detail ?? query.type)
            return query
        }
        return problem
    }
}
