internal import ACME
internal import Authority
internal import NIOHTTP1
internal import Store

/// RFC 8555 sections 7.4 and 7.5.
extension ACMESite {
    /// Seconds after which a client asks again for an order in process.
    private static let pause = 3

    /// Seconds after which a client asks again for a challenge in process: behind the next query (RFC 8555 section 8.2).
    private func pause(_ challenge: StoredChallenge) -> Int? {
        guard challenge.status == .processing else { return nil }
        let delays = authority.policy.validationDelays
        // The first query is under way, and most are over at once.
        guard delays.indices.contains(challenge.attempts - 1) else { return 1 }
        return Int(delays[challenge.attempts - 1].components.seconds) + 1
    }

    func newOrder(_ request: SignedRequest) async throws -> Answer {
        let wanted = try NewOrder(Payload(request.payload))
        return show(try await authority.createOrder(wanted, for: request.account.id), .created)
    }

    func order(_ request: SignedRequest, _ id: RecordID) async throws -> Answer {
        try request.expectNoPayload()
        return show(try await authority.order(id, for: request.account.id))
    }

    /// Always 200, and with the order's URL: many clients poll where `Location` points.
    func finalize(_ request: SignedRequest, _ id: RecordID) async throws -> Answer {
        let payload = try Payload(request.payload)
        guard let encoded = try payload.string("csr") else { throw Problem.malformed("\"csr\" is missing.") }
        let csr: [UInt8]
        do { csr = try Base64URL.decode(encoded) } catch {
            throw Problem(.badCSR, 400, "\"csr\" is not base64url of DER: \(error.reason)")
        }
        return show(try await authority.finalize(id, csr: csr, for: request.account.id))
    }

    /// View, or deactivation, which is all that can be changed.
    func authorization(_ request: SignedRequest, _ id: RecordID) async throws -> Answer {
        let account = try request.account.id
        guard !request.payload.isEmpty else { return show(try await authority.settledAuthorization(id, for: account)) }
        guard try Payload(request.payload).string("status") == AuthorizationStatus.deactivated.rawValue else {
            throw Problem.malformed("An authorization is read by POST-as-GET; all it takes is the \"status\" \"deactivated\".")
        }
        return show(try await authority.deactivateAuthorization(id, for: account))
    }

    /// A JSON object, whatever is in it, is a response; an empty payload only looks (RFC 8555 section 7.5.1).
    func challenge(_ request: SignedRequest, _ id: RecordID, _ type: ChallengeType) async throws -> Answer {
        let account = try request.account.id
        let authorization: StoredAuthorization
        if request.payload.isEmpty {
            authorization = try await authority.settledAuthorization(id, for: account)
        } else {
            _ = try Payload(request.payload)
            authorization = try await authority.respond(id, type, for: account)
        }
        guard let challenge = authorization.challenge(type) else { throw Refusal.notYours }
        let view = views.challenge(challenge, of: authorization)
        return Answer.json { $0.members(view) }.linking(addresses[.authorization(id)], "up")
            .retrying(after: pause(challenge))
    }

    private func show(_ whole: OrderWithAuthorizations, _ status: HTTPResponseStatus = .ok) -> Answer {
        let order = views.order(whole, at: now())
        var answer = Answer.json(status) { $0.members(order) }.with("Location", addresses[.order(whole.order.id)])
            .retrying(after: order.status == .processing ? Self.pause : nil)
        answer.facts.order = whole.order.id.text
        return answer
    }

    private func show(_ authorization: StoredAuthorization) -> Answer {
        let view = views.authorization(authorization, at: now())
        let pause = view.status == .pending ? authorization.challenges.compactMap(pause).min() : nil
        return Answer.json { $0.members(view) }.retrying(after: pause)
    }
}
