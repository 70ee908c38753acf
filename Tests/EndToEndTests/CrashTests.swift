import ACME
import ACMEClient
import Foundation
import PKIX
import Synchronization
import TestSupport
import Testing

/// The server is killed under load, again and again: what it acknowledged is there afterwards, once.
@Suite(.serialized) struct CrashTests {
    /// What clients were told, as independent witnesses.
    private struct Told {
        var accounts: [(key: SigningKey, url: String)] = []
        var orders: Set<String> = []
        /// Certificate URL -> leaf, as downloaded.
        var certificates: [String: [UInt8]] = [:]
    }

    private final class Witness: Sendable {
        private let told = Mutex(Told())
        func note(_ change: @Sendable (inout Told) -> Void) { told.withLock { change(&$0) } }
        var all: Told { told.withLock { $0 } }
    }

    @Test func `twenty kills at random moments under load lose and double nothing`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let key = SigningKey(.p256)
        let responder = try await StatelessResponder(port: authority.http01Port, thumbprint: key.jwk.thumbprint)
        let url = try await Self.client(authority).createAccount(key, termsAgreed: true).account.url
        let witness = Witness()
        var checked = 0

        for round in 1...20 {
            let load = (0..<4).map { _ in
                Task { while !Task.isCancelled { try? await Self.work(authority, key, url, round, witness) } }
            }
            // Once the load is one, at any moment of it.
            let before = witness.all.certificates.count
            try await eventually("a certificate in round \(round)", limit: 120) { witness.all.certificates.count > before }
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...600)))
            try await authority.stop(SIGKILL)
            for client in load { client.cancel() }
            for client in load { await client.value }
            try await authority.start()
            checked = try await verify(authority, key, url, witness.all, from: checked)
        }

        let seen = witness.all
        try #require(seen.certificates.count >= 20, "the load was a load: \(seen.certificates.count)")
        let stored = try await authority.certificates().compactMap { $0["serial"] as? String }.map { $0.uppercased() }
        #expect(Set(stored).count == stored.count, "no serial twice")
        for leaf in seen.certificates.values {
            let serial = try Certificate509(der: leaf).serialText
            #expect(stored.contains(serial), "a client holds \(serial), the authority does not know it")
        }
        withExtendedLifetime(responder) {}
    }

    private static func client(_ authority: TestAuthority) throws -> ACMEClient {
        var configuration = ACMEClient.Configuration(product: "crash-test/1")
        configuration.trustRoots = [try String(contentsOfFile: authority.root, encoding: .utf8)]
        configuration.patience = .seconds(10)
        // A server that is killed at any moment is polled without rest.
        configuration.sleep = { try await Task.sleep(for: min($0, .milliseconds(10))) }
        return try ACMEClient(directory: authority.directory, configuration: configuration)
    }

    /// One new account and one order to its certificate; each acknowledged step is written down before the next.
    private static func work(
        _ authority: TestAuthority, _ key: SigningKey, _ url: String, _ round: Int, _ witness: Witness
    ) async throws {
        let client = try client(authority)
        let fresh = SigningKey(.p256)
        let registered = try await client.createAccount(fresh, termsAgreed: true)
        witness.note { $0.accounts.append((fresh, registered.account.url)) }

        let account = try client.account(key, url: url)
        let name = "r\(round)-\(UInt32.random(in: 0 ... .max)).e2e.test"
        let placed = try await account.newOrder([name])
        witness.note { _ = $0.orders.insert(placed.url) }
        for authorization in placed.order.authorizations {
            let challenges = try await account.authorization(authorization).challenges
            for challenge in challenges where challenge.type == ChallengeType.http01.rawValue {
                try await account.respond(to: challenge)
            }
            _ = try await account.settledAuthorization(authorization)
        }
        let request = try CertificateRequest.make(names: [name], key: CertificateKey(.p256))
        let done = try await account.finalize(placed, csr: request)
        guard let certificate = done.order.certificate else { return }
        let chain = try await account.chains(certificate)
        if let leaf = chain.first?.certificates.first { witness.note { $0.certificates[certificate] = leaf } }
    }

    /// Checks the accounts and orders that are new since `from`, and the certificates.
    private func verify(
        _ authority: TestAuthority, _ key: SigningKey, _ url: String, _ seen: Told, from: Int
    ) async throws -> Int {
        let client = try Self.client(authority)
        for (key, url) in seen.accounts[from...] {
            #expect(try await client.findAccount(key)?.account.url == url, "an acknowledged account is lost or doubled")
        }
        let account = try client.account(key, url: url)
        var owners: [String: String] = [:]
        for order in seen.orders {
            let now = try await account.order(order)
            if now.status == .valid {
                let certificate = try #require(now.certificate, "a valid order has its certificate")
                #expect(owners.updateValue(order, forKey: certificate) == nil, "one certificate serves two orders")
            }
        }
        for (certificate, leaf) in seen.certificates {
            #expect(try await account.chains(certificate).first?.certificates.first == leaf, "a downloaded certificate changed")
        }
        return seen.accounts.count
    }
}
