import ACME
import ACMEClient
import Foundation
import PKIX
import TestSupport

/// Our own library as a client of the authority under test, with an account.
struct Subscriber: Sendable {
    let account: ACMEAccount

    /// - Parameters:
    ///   - roots: PEM file that vouches for the server's TLS; nil: the authority's own root.
    ///   - isPatient: whether it tries again by itself after 503.
    init(
        _ authority: TestAuthority, key: SigningKey = SigningKey(.p256), trusting roots: String? = nil, isPatient: Bool = true
    ) async throws {
        account = try await Self.client(authority, trusting: roots, isPatient: isPatient).createAccount(key, termsAgreed: true)
            .account
    }

    static func client(_ authority: TestAuthority, trusting roots: String? = nil, isPatient: Bool = true) throws -> ACMEClient {
        var configuration = ACMEClient.Configuration(product: "end-to-end/1")
        configuration.trustRoots = [try String(contentsOfFile: roots ?? authority.root, encoding: .utf8)]
        configuration.patience = .seconds(20)
        if !isPatient { configuration.longestPause = .zero }
        return try ACMEClient(directory: authority.directory, configuration: configuration)
    }

    /// Answers one challenge of each authorization of an order and waits until all are decided, for better or worse.
    /// - Parameter publish: makes the proof: base name, key authorization.
    func prove(
        _ placed: PlacedOrder, by type: ChallengeType, publish: (String, KeyAuthorization) async throws -> Void = { _, _ in }
    ) async throws -> [Authorization] {
        for url in placed.order.authorizations {
            let authorization = try await account.authorization(url)
            for challenge in authorization.challenges where challenge.type == type.rawValue {
                let token = challenge.token ?? ""
                try await publish(
                    authorization.identifier.value, KeyAuthorization(token: token, thumbprint: account.key.jwk.thumbprint))
                try await account.respond(to: challenge)
            }
        }
        var decided: [Authorization] = []
        for url in placed.order.authorizations { decided.append(try await settled(url)) }
        return decided
    }

    /// Asks more often than a client should.
    func settled(_ url: String) async throws -> Authorization {
        var found = try await account.authorization(url)
        try await eventually("a verdict on \(found.identifier.value)", limit: 60) {
            found = try await account.authorization(url)
            return found.status != .pending
        }
        return found
    }

    /// An order whose names are proved by whatever answers for the account, to its certificate's URL and leaf.
    func issue(_ names: [String]) async throws -> (order: PlacedOrder, certificate: String, leaf: [UInt8]) {
        let placed = try await account.newOrder(names)
        for authorization in try await prove(placed, by: .http01) where authorization.status != .valid {
            throw Program.Failure(
                "\(authorization.identifier.value): \(authorization.challenges.first?.error?.detail ?? "no reason")")
        }
        let request = try CertificateRequest.make(names: names, key: CertificateKey(.p256))
        let done = try await account.finalize(placed, csr: request)
        guard let certificate = done.order.certificate,
            let leaf = try await account.chains(certificate).first?.certificates.first
        else { throw Program.Failure("a valid order without certificate") }
        return (done, certificate, leaf)
    }
}
