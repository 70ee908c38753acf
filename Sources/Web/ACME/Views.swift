internal import ACME
internal import Authority
internal import Store

/// What Authority shows, as the protocol shows it (RFC 8555 section 7.1): with URLs in place of identifiers.
struct Views: Sendable {
    let addresses: Addresses

    func account(_ account: StoredAccount) -> Account {
        Account(
            status: account.status, contact: account.contacts.isEmpty ? nil : account.contacts,
            termsOfServiceAgreed: account.termsAgreed ? true : nil, orders: addresses[.orders(account.id)])
    }

    func order(_ view: OrderView) -> Order {
        let order = view.order
        return Order(
            status: view.status, expires: order.expires, identifiers: order.identifiers, notBefore: order.notBefore,
            notAfter: order.notAfter, error: view.problem, authorizations: order.authorizations.map { addresses[.authorization($0)] },
            finalize: addresses[.finalize(order.id)],
            certificate: view.status == .valid ? order.certificate.map { addresses[.certificate($0, chain: 0)] } : nil)
    }

    func authorization(_ view: AuthorizationView) -> Authorization {
        Authorization(
            identifier: view.authorization.identifier, status: view.status, expires: view.authorization.expires,
            challenges: view.challenges.map(challenge), wildcard: view.authorization.wildcard ? true : nil)
    }

    func challenge(_ view: ChallengeView) -> Challenge {
        Challenge(
            type: view.type.rawValue, url: addresses[.challenge(view.authorization, view.type)], status: view.status,
            token: view.token, validated: view.validated, error: view.error)
    }
}
