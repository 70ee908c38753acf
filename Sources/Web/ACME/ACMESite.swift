internal import ACME
internal import Authority
internal import Foundation
internal import Measures
internal import NIOCore
internal import NIOHTTP1
internal import Store

/// The protocol's resources. Every answer is made from what Authority says; nothing is decided here.
struct ACMESite: Sendable {
    let authority: CertificateAuthority
    let check: RequestCheck
    let addresses: Addresses
    let views: Views
    let directory: Answer
    let now: @Sendable () -> Date

    init(authority: CertificateAuthority, nonces: any NonceBook, settings: WebSettings, now: @escaping @Sendable () -> Date) {
        let addresses = Addresses(external: settings.externalURL)
        self.authority = authority
        self.addresses = addresses
        self.now = now
        check = RequestCheck(authority: authority, nonces: nonces, addresses: addresses)
        views = Views(addresses: addresses)
        let index = Directory(
            newNonce: addresses[.newNonce], newAccount: addresses[.newAccount], newOrder: addresses[.newOrder],
            revokeCert: addresses[.revokeCertificate], keyChange: addresses[.keyChange],
            meta: .init(
                termsOfService: settings.termsOfService, website: settings.website,
                caaIdentities: settings.caaIdentities.isEmpty ? nil : settings.caaIdentities, externalAccountRequired: false))
        directory = .json { $0.members(index) }
    }

    /// What needs neither signature nor store.
    func atOnce(_ received: Received, _ route: Route) -> Answer? {
        switch route {
        case .directory where !received.isPost: directory
        case .newNonce where !received.isPost: newNonce(received.method)
        default: nil
        }
    }

    /// - Throws: `Refusal` or `Problem`: the request is not granted; anything else is a fault of ours.
    func answer(_ received: Received, _ route: Route) async throws -> Answer {
        if case .terms(let account, let token) = route { return try await terms(account, token, isAgreed: received.isPost) }
        let rule: KeyRule =
            switch route {
            case .newAccount: .jwk
            case .revokeCertificate: .either
            default: .kid
            }
        let request = try await Trace.span("check request") { try await check.check(received, for: route, rule) }
        var answer = try await Trace.span("authority " + route.name.text) { try await self.answer(request, route, received) }
        if case .account(let account) = request.signer, answer.facts.account == nil { answer.facts.account = account.id.text }
        return answer
    }

    private func answer(_ request: SignedRequest, _ route: Route, _ received: Received) async throws -> Answer {
        switch route {
        case .directory:
            try request.expectNoPayload()
            return directory
        case .newNonce:
            try request.expectNoPayload()
            return newNonce(.GET)
        case .newAccount: return try await newAccount(request)
        case .account(let id): return try await account(request, id)
        case .orders(let id): return try await orders(request, id, received.query)
        case .keyChange: return try await keyChange(request)
        case .newOrder: return try await newOrder(request)
        case .order(let id): return try await order(request, id)
        case .finalize(let id): return try await finalize(request, id)
        case .authorization(let id): return try await authorization(request, id)
        case .challenge(let id, let type): return try await challenge(request, id, type)
        case .certificate(let id, let chain): return try await certificate(request, id, chain, received.headers["Accept"])
        case .revokeCertificate: return try await revoke(request)
        case .terms, .revocationList, .issuer, .rootPEM, .rootDER, .home, .health, .readiness, .metrics: return .notFound()
        }
    }

    /// RFC 8555 section 7.2. The nonce itself is added to the answer where all nonces are.
    private func newNonce(_ method: HTTPMethod) -> Answer { Answer(method == .HEAD ? .ok : .noContent) }
}
