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
        var orders: [String] = []
        /// With the leaf as downloaded.
        var certificates: [(url: String, leaf: [UInt8])] = []
    }
    private final class Witness: Sendable {
        let told = Mutex(Told())
        var now: Told { told.withLock { $0 } }
    }

    @Test func `twenty kills at random moments under load lose and double nothing`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let key = SigningKey(.p256)
        let responder = try await StatelessResponder(port: authority.http01Port, thumbprint: key.jwk.thumbprint)
        let url = try await Subscriber(authority, key: key).account.url
        let witness = Witness()
        var seen = Told()

        for round in 1...20 {
            let before = witness.now.certificates.count
            let load = Task {
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<4 {
                        group.addTask { while !Task.isCancelled { try? await work(authority, key, url, round, witness) } }
                    }
                }
            }
            // It is a load once something is issued; the moment after that is chance.
            try await eventually("a certificate in round \(round)", limit: 60) { witness.now.certificates.count > before }
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...300)))
            try await authority.stop(SIGKILL)
            load.cancel()
            await load.value
            try await authority.start()
            try await verify(authority, key, url, witness.now, from: seen)
            seen = witness.now
        }
        try await verify(authority, key, url, seen, from: Told())

        let stored = try await authority.certificates().compactMap { $0["serial"] as? String }.map { $0.uppercased() }
        #expect(stored.count >= seen.certificates.count)
        #expect(Set(stored).count == stored.count, "no serial twice")
        for (_, leaf) in seen.certificates {
            let serial = try Certificate509(der: leaf).serialText
            #expect(stored.contains(serial), "a client holds \(serial), the authority does not know it")
        }
        withExtendedLifetime(responder) {}
    }

    /// One new account and one order to its certificate; each acknowledged step is written down before the next.
    private func work(_ authority: TestAuthority, _ key: SigningKey, _ url: String, _ round: Int, _ witness: Witness) async throws
    {
        let client = try Subscriber.client(authority)
        let fresh = SigningKey(.p256)
        let registered = try await client.createAccount(fresh, termsAgreed: true)
        witness.told.withLock { $0.accounts.append((fresh, registered.account.url)) }

        let account = try client.account(key, url: url)
        while !Task.isCancelled {
            let name = "r\(round)-\(UInt32.random(in: 0 ... .max)).e2e.test"
            let placed = try await account.newOrder([name])
            witness.told.withLock { $0.orders.append(placed.url) }
            for authorization in placed.order.authorizations {
                for challenge in try await account.authorization(authorization).challenges
                where challenge.type == ChallengeType.http01.rawValue {
                    try await account.respond(to: challenge)
                }
                while try await account.authorization(authorization).status == .pending {
                    try await Task.sleep(for: .milliseconds(10))
                }
            }
            let request = try CertificateRequest.make(names: [name], key: CertificateKey(.p256))
            let done = try await account.finalize(placed, csr: request)
            guard let certificate = done.order.certificate else { continue }
            if let leaf = try await account.chains(certificate).first?.certificates.first {
                witness.told.withLock { $0.certificates.append((certificate, leaf)) }
            }
        }
    }

    /// Checks what was told since `earlier`.
    private func verify(
        _ authority: TestAuthority, _ key: SigningKey, _ url: String, _ told: Told, from earlier: Told
    ) async throws {
        let client = try Subscriber.client(authority)
        for (key, url) in told.accounts.dropFirst(earlier.accounts.count) {
            #expect(try await client.findAccount(key)?.account.url == url, "an acknowledged account is lost or doubled")
        }
        let account = try client.account(key, url: url)
        var owners: [String: String] = [:]
        for order in told.orders.dropFirst(earlier.orders.count) {
            let now = try await account.order(order)
            if now.status == .valid {
                let certificate = try #require(now.certificate, "a valid order has its certificate")
                #expect(owners.updateValue(order, forKey: certificate) == nil, "one certificate serves two orders")
            }
        }
        for (certificate, leaf) in told.certificates.dropFirst(earlier.certificates.count) {
            #expect(try await account.chains(certificate).first?.certificates.first == leaf, "a downloaded certificate changed")
        }
    }
}
