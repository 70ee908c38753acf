internal import ACME
internal import Authority
internal import Foundation
internal import Measures
internal import NIOCore
internal import NIOHTTP1
internal import Store

/// A POST whose signature, nonce and URL have been found right. The only way to reach an account's resources.
struct SignedRequest: Sendable {
    enum Signer: Sendable {
        case account(StoredAccount)
        /// The key itself: for newAccount, and for revocation by the certificate's key.
        case key(JWK)
    }
    let message: SignedMessage
    let signer: Signer

    var payload: [UInt8] { message.payload }

    /// - Throws: `malformed` for a request that a key signed where an account must; cannot happen after `check` with `.kid`.
    var account: StoredAccount {
        get throws(Problem) {
            guard case .account(let account) = signer else { throw .malformed("This resource wants \"kid\", the account's URL.") }
            return account
        }
    }

    /// POST-as-GET: the payload must be empty, `{}` is an update (RFC 8555 section 6.3).
    func expectNoPayload() throws(Problem) {
        guard message.payload.isEmpty else {
            throw .malformed("This resource is read by POST-as-GET, with an empty payload (\"\", not \"{}\").")
        }
    }
}

/// How a route wants its requests signed (RFC 8555 section 6.2).
enum KeyRule { case jwk, kid, either }

struct RequestCheck: Sendable {
    let authority: CertificateAuthority
    let nonces: any NonceBook
    let addresses: Addresses

    /// The checks of RFC 8555 section 6, in this order: media type, JWS, algorithm, key, account, signature, nonce, URL. A forged request
    /// spends no nonce; from the nonce on, it is spent whatever fails later.
    func check(_ received: Received, for route: Route, _ rule: KeyRule) async throws -> SignedRequest {
        try mediaType(received.headers)
        let message = try parse(received.body)
        var signer = try await self.signer(message.signer, rule)
        let key: JWK =
            switch signer {
            case .account(let account): account.key
            case .key(let key): key
            }
        guard message.isSigned(by: key) else {
            throw Problem.malformed("The signature does not verify with the key that the request names.")
        }
        guard let nonce = message.nonce else {
            nonces.refusals.add(.missing)
            throw Problem(.badNonce, 400, "The request carries no nonce.")
        }
        guard try await nonces.spend(nonce) else { throw Problem(.badNonce, 400, "The nonce is unknown, used or too old.") }
        if nonces.outdatesAccounts, case .account(let account) = signer {
            signer = .account(try await authority.confirmed(account))
        }
        guard message.url == url(of: route, received) else {
            throw Problem(.unauthorized, 403, "The signed \"url\" is not the URL of this request as this server hands it out.")
        }
        return SignedRequest(message: message, signer: signer)
    }

    private static let mediaType = "application/jose+json"

    /// One Content-Type; parameters are tolerated. A coding would let a short body become a long one.
    private func mediaType(_ headers: HTTPHeaders) throws(Problem) {
        let types = headers["Content-Type"]
        guard types.count == 1, let whole = types.first,
            whole == Self.mediaType || whole.prefix(while: { $0 != ";" }).trimmed.lowercased() == Self.mediaType
        else { throw .malformed("The body must be application/jose+json.", 415) }
        guard headers["Content-Encoding"].allSatisfy({ $0.lowercased() == "identity" }) else {
            throw .malformed("Content codings are not understood here.", 415)
        }
    }

    private func parse(_ body: ByteBuffer) throws(Problem) -> SignedMessage {
        do { return try SignedMessage(Array(buffer: body)) } catch {
            switch error {
            case .malformed(let reason): throw .malformed(reason)
            case .badPublicKey(let reason): throw Problem(.badPublicKey, 400, reason)
            case .unsupportedAlgorithm(let name):
                var problem = Problem(.badSignatureAlgorithm, 400, "The algorithm \(name.quoted) is not supported.")
                problem.algorithms = SignatureAlgorithm.allCases.map(\.rawValue)
                throw problem
            }
        }
    }

    private func signer(_ signer: SignedMessage.Signer, _ rule: KeyRule) async throws -> SignedRequest.Signer {
        switch (signer, rule) {
        case (.jwk(let key), .jwk), (.jwk(let key), .either): return .key(key)
        case (.jwk, .kid): throw Problem.malformed("This resource wants \"kid\", the account's URL, and no \"jwk\".")
        case (.kid, .jwk): throw Problem.malformed("This resource wants \"jwk\", the account's key, and no \"kid\".")
        case (.kid(let url), .kid), (.kid(let url), .either):
            guard let id = addresses.account(url) else {
                throw Problem(.accountDoesNotExist, 400, "\"kid\" is not the URL of an account here.")
            }
            return .account(try await authority.activeAccount(id))
        }
    }

    /// The one spelling of the URL under which the route was handed out. A query is part of it for the pages of an order list only.
    private func url(of route: Route, _ received: Received) -> String {
        guard case .orders = route, let query = received.query else { return addresses[route] }
        return addresses[route] + "?" + query
    }
}

extension String {
    /// For a sentence: in quotes, short, and printable.
    var quoted: String { "\"" + printable(limit: 40) + "\"" }
}

extension Substring {
    /// Without white space at the ends, as HTTP means it.
    fileprivate var trimmed: Substring {
        var rest = self.drop { $0 == " " || $0 == "\t" }
        while rest.last == " " || rest.last == "\t" { rest.removeLast() }
        return rest
    }
}
