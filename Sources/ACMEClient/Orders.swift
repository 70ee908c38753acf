public import ACME

public import struct Foundation.Date

/// An order with the URL under which it lives: the CA says it once, at newOrder.
public struct PlacedOrder: Sendable {
    /// The order's.
    public let url: String
    /// As last seen.
    public var order: Order
}

extension ACMEAccount {
    /// Orders a certificate (RFC 8555 section 7.4).
    /// - Parameters:
    ///   - names: DNS names in ASCII, `*.` for a wildcard.
    ///   - replaces: the certificate of this account that the new one takes the place of; only for a CA with `renewalInfo`
    ///     (RFC 9773 section 5).
    /// - Returns: perhaps an order that is `ready` already: CAs reuse orders and authorizations.
    /// - Throws: `notACME` if the order is for other names; `problem`.
    public func newOrder(
        _ names: [String], notBefore: Date? = nil, notAfter: Date? = nil, replaces: CertificateIdentifier? = nil
    ) async throws(ACMEClientError) -> PlacedOrder {
        let wanted = NewOrder(
            identifiers: names.map { .dns($0) }, notBefore: notBefore, notAfter: notAfter, replaces: replaces?.text)
        let answer = try await send(wanted, to: client.directory().newOrder)
        let order = try checked(answer)
        guard identifierSet(order) == Set(names.map { $0.lowercased() }) else {
            throw .notACME("the order is for other names than asked for", status: answer.wire.status, url: answer.url)
        }
        return PlacedOrder(url: try answer.location(), order: order)
    }

    /// The order as it stands (RFC 8555 section 7.4).
    public func order(_ url: String) async throws(ACMEClientError) -> Order { try checked(await fetch(url)) }

    /// RFC 8555 section 7.5.
    public func authorization(_ url: String) async throws(ACMEClientError) -> Authorization {
        try await fetch(url).decode(Authorization.self)
    }

    /// Tells the CA that a challenge's answer is in place (RFC 8555 section 7.5.1).
    public func respond(to challenge: Challenge) async throws(ACMEClientError) {
        _ = try await client.post(challenge.url, payload: Array("{}".utf8), key: key, account: url)
    }

    /// Gives an authorization up (RFC 8555 section 7.5.2).
    public func deactivateAuthorization(_ url: String) async throws(ACMEClientError) {
        _ = try await send(AccountUpdate(status: AuthorizationStatus.deactivated.rawValue), to: url)
    }

    /// Polls an authorization until it is decided (RFC 8555 section 7.5.1).
    /// - Returns: one that is `valid`.
    /// - Throws: `failed` with the challenge's problem; `deadline`; `rateLimited` if the CA wants a pause past the deadline.
    public func settledAuthorization(_ url: String) async throws(ACMEClientError) -> Authorization {
        var poll = Poll(client.configuration, for: "the CA to validate")
        while true {
            let answer = try await fetch(url)
            let authorization = try answer.decode(Authorization.self)
            switch authorization.status {
            case .valid: return authorization
            case .pending: try await poll.pause(answer)
            case .invalid, .deactivated, .expired, .revoked:
                let problem = authorization.challenges.lazy.compactMap(\.error).first
                throw .failed(
                    "\(authorization.identifier.value) was not validated (\(authorization.status.rawValue))", problem: problem)
            }
        }
    }

    /// Has the CSR signed (RFC 8555 section 7.4): waits for `ready`, finalizes, and polls the order's URL.
    /// - Parameter csr: DER, for exactly the order's names.
    /// - Returns: the order, `valid`, with the certificate's URL.
    /// - Throws: `failed` with the order's problem; `notACME` if its names or authorizations change under way; `deadline`.
    public func finalize(_ placed: PlacedOrder, csr: [UInt8]) async throws(ACMEClientError) -> PlacedOrder {
        var poll = Poll(client.configuration, for: "the CA to issue")
        var (order, sent, last) = (placed.order, 0, nil as Answer?)
        if order.status == .pending { order = try same(as: placed, await self.order(placed.url)) }
        while true {
            switch order.status {
            case .valid:
                guard order.certificate != nil else {
                    throw .notACME("a valid order without certificate", status: 200, url: placed.url)
                }
                return PlacedOrder(url: placed.url, order: order)
            case .invalid: throw .failed("The order became invalid", problem: order.error)
            case .ready where sent < 3:
                sent += 1
                do {
                    last = try await send(Finalize(csr: Base64URL.encode(csr)), to: order.finalize)
                    order = try same(as: placed, await checkedOrFetched(last, placed.url))
                    continue
                } catch {
                    // Whatever became of the request, the order knows (sections 7.4 and 6.5).
                    switch error {
                    case .transport: break
                    case .problem(let problem, _) where problem.errorType == .orderNotReady: break
                    default: throw error
                    }
                }
                fallthrough
            case .ready, .pending, .processing: try await poll.pause(last)
            }
            last = try await fetch(placed.url)
            order = try same(as: placed, await checkedOrFetched(last, placed.url))
        }
    }

    // MARK: Checks

    private func checked(_ answer: Answer) throws(ACMEClientError) -> Order {
        let order = try answer.decode(Order.self)
        guard (1...1000).contains(order.identifiers.count), order.authorizations.count <= 1000 else {
            throw .notACME("an order of unusual size", status: answer.wire.status, url: answer.url)
        }
        return order
    }

    /// Some servers answer finalize with something else than the order.
    private func checkedOrFetched(_ answer: Answer?, _ url: String) async throws(ACMEClientError) -> Order {
        if let answer, let order = try? checked(answer) { return order }
        return try await order(url)
    }

    /// Names and authorizations of an order never change (RFC 8555 section 7.1.3); their sequence may.
    private func same(as placed: PlacedOrder, _ order: Order) throws(ACMEClientError) -> Order {
        guard identifierSet(order) == identifierSet(placed.order), Set(order.authorizations) == Set(placed.order.authorizations)
        else {
            throw .notACME("the order's names or authorizations changed", status: 200, url: placed.url)
        }
        return order
    }

    private func identifierSet(_ order: Order) -> Set<String> { Set(order.identifiers.map { $0.value.lowercased() }) }
}

/// Repeated asking with pauses: what Retry-After says, else 1 second growing to 15.
struct Poll {
    private let configuration: ACMEClient.Configuration
    private let end: Date
    private let what: String
    private var next = 1.0

    init(_ configuration: ACMEClient.Configuration, for what: String) {
        (self.configuration, self.what) = (configuration, what)
        end = configuration.now().addingTimeInterval(configuration.patience.seconds)
    }

    /// - Throws: `deadline`; `rateLimited` if the pause asked for ends after the deadline; `cancelled`.
    mutating func pause(_ answer: Answer?) async throws(ACMEClientError) {
        let now = configuration.now()
        guard now < end else { throw .deadline(what) }
        var pause = next
        next = min(15, next * 1.6)
        if let until = answer?.retryAfter(now: now) {
            guard until <= end else { throw .rateLimited(until: until, problem: nil, url: answer?.url ?? "") }
            pause = max(0.25, until.timeIntervalSince(now))
        }
        try await configuration.pause(min(pause, max(0.25, end.timeIntervalSince(now))))
    }
}
