import ACME
import Foundation
import Logging
import PKIX
import Store
import TestSupport
import Testing
import Validation

@testable import Authority

/// Several servers' authorities, each on a store of its own, on one real PostgreSQL; one clock, one world, one key.
final class Siblings {
    let time = SimulatedTime()
    let world = World()
    let hierarchy: Hierarchy
    private(set) var stores: [AuthorityStore] = []
    private(set) var all: [CertificateAuthority] = []

    init(_ count: Int = 2, policy: AuthorityPolicy = AuthorityPolicy()) async throws {
        hierarchy = try await Hierarchy(now: time.now)
        let url = try await PostgreSQLServer.shared().emptySchema()
        for number in 0..<count {
            let store = try await AuthorityStore.open(DatabaseLocation(url, relativeTo: "/"), now: time.now)
            var logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
            logger.logLevel = .critical
            let authority = CertificateAuthority(
                store: store, issuer: try hierarchy.issuer(), urls: PublicationURLs(base: "http://ca.test:8080"), policy: policy,
                validate: { [world] in world.ask($0) }, surroundings: time.surroundings, name: "server \(number)", logger: logger)
            try await authority.prepare()
            // The first round joins, the next ones beat.
            await authority.heart?.round()
            stores.append(store)
            all.append(authority)
        }
    }

    func close() async { for store in stores { await store.close() } }

    /// So many rounds of everybody but one.
    func live(without dead: CertificateAuthority, rounds: Int) async {
        for _ in 0..<rounds { for one in all where one !== dead { await one.heart?.round() } }
    }

    func account(_ key: SigningKey = SigningKey(.p256), at authority: CertificateAuthority) async throws -> StoredAccount {
        try await authority.createAccount(NewAccount(termsOfServiceAgreed: true), key: key.jwk).account
    }

    func order(_ name: String, _ account: StoredAccount, at authority: CertificateAuthority) async throws
        -> OrderWithAuthorizations
    {
        try await authority.createOrder(NewOrder(identifiers: [.dns(name)]), for: account.id)
    }

    func ready(_ name: String, _ account: StoredAccount, at authority: CertificateAuthority) async throws
        -> OrderWithAuthorizations
    {
        let order = try await order(name, account, at: authority)
        _ = try await authority.respond(order.authorizations[0].id, .http01, for: account.id)
        await authority.validations.settled()
        return try await authority.order(order.order.id, for: account.id)
    }

    func issue(_ name: String, _ account: StoredAccount, at authority: CertificateAuthority) async throws -> StoredCertificate {
        let order = try await ready(name, account, at: authority)
        let csr = try CertificateRequest.make(names: [name], key: CertificateKey(.p256))
        let done = try await authority.finalize(order.order.id, csr: csr, for: account.id)
        let id = try #require(done.order.certificate)
        return try #require(try await stores[0].certificate(id))
    }

    /// Runs `work` at all of them at the same time.
    func atOnce<Value: Sendable>(
        _ work: @escaping @Sendable (CertificateAuthority) async throws(Refusal) -> Value
    ) async -> [Result<Value, Refusal>] {
        await withTaskGroup(of: Result<Value, Refusal>.self) { group in
            for one in all {
                group.addTask {
                    do throws(Refusal) { return .success(try await work(one)) } catch { return .failure(error) }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }
}

extension Result where Failure == Refusal {
    var refusal: Refusal? {
        if case .failure(let refusal) = self { return refusal }
        return nil
    }
    var value: Success? { try? get() }
}
