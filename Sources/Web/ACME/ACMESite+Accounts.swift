internal import ACME
internal import Authority
internal import NIOHTTP1
internal import Store

/// RFC 8555 section 7.3.
extension ACMESite {
    func newAccount(_ request: SignedRequest) async throws -> Answer {
        guard case .key(let key) = request.signer else {
            throw Problem.malformed("newAccount is signed by the new account's key.")
        }
        let wanted = try NewAccount(Payload(request.payload))
        let (account, created) = try await authority.createAccount(wanted, key: key)
        return show(account, created ? 201 : 200).with("Location", addresses[.account(account.id)])
    }

    /// View, update, deactivation. `{}` changes nothing.
    func account(_ request: SignedRequest, _ id: RecordID) async throws -> Answer {
        let account = try owner(request, id)
        guard !request.payload.isEmpty else { return show(account, 200) }
        let update = try AccountUpdate(Payload(request.payload))
        guard update.status != nil || update.contact != nil else { return show(account, 200) }
        return show(try await authority.updateAccount(update, account: account.id), 200)
    }

    /// RFC 8555 section 7.1.2.1.
    func orders(_ request: SignedRequest, _ id: RecordID, _ query: Substring?) async throws -> Answer {
        let account = try owner(request, id)
        try request.expectNoPayload()
        var after: RecordID?
        if let query {
            guard let cursor = query.after("cursor="), let id = RecordID(text: String(cursor)) else {
                return .notFound("This page of the order list was not handed out here.")
            }
            after = id
        }
        let (ids, next) = try await authority.orders(of: account.id, after: after)
        let urls = ids.map { addresses[.order($0)] }
        let answer = Answer.json { $0.member("orders", urls) }
        return next.map { answer.linking(addresses[.orders(id)] + "?cursor=" + $0.text, "next") } ?? answer
    }

    /// RFC 8555 section 7.3.5.
    func keyChange(_ request: SignedRequest) async throws -> Answer {
        let account = try request.account
        let inner: SignedMessage
        do { inner = try SignedMessage(inner: request.payload) } catch {
            switch error {
            case .malformed(let reason): throw Problem.malformed("The inner message: \(reason)")
            case .badPublicKey(let reason): throw Problem(.badPublicKey, 400, "The inner message: \(reason)")
            case .unsupportedAlgorithm(let name):
                var problem = Problem(
                    .badSignatureAlgorithm, 400, "The inner message's algorithm \(name.quoted) is not supported.")
                problem.algorithms = SignatureAlgorithm.allCases.map(\.rawValue)
                throw problem
            }
        }
        let changed = try await authority.changeKey(
            account: account, inner: inner, url: addresses[.keyChange], accountURL: addresses[.account(account.id)])
        return show(changed, 200)
    }

    private func show(_ account: StoredAccount, _ status: Int) -> Answer {
        var answer = Answer.json(.init(statusCode: status)) { [views] in $0.members(views.account(account)) }
        answer.facts.account = account.id.text
        return answer
    }

    /// Whether there is another account under `id` is nobody's business.
    private func owner(_ request: SignedRequest, _ id: RecordID) throws(Problem) -> StoredAccount {
        let account = try request.account
        guard account.id == id else { throw Problem(.unauthorized, 403, "This account is not yours.") }
        return account
    }
}
