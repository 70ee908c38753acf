import ACME
import ACMEClient
import Foundation
import PKIX
import Synchronization
import TestSupport

/// Clients at work all the time: accounts, orders to their certificates, revocations. They write down what they were told, as
/// independent witnesses, and every error that they met.
final class Load: Sendable {
    struct Told: Sendable {
        var accounts: [(key: SigningKey, url: String)] = []
        var orders: [String] = []
        /// With the leaf as downloaded.
        var certificates: [(url: String, leaf: [UInt8])] = []
        /// Serials of those whose revocation was acknowledged.
        var revoked: [String] = []
        var errors: [String] = []
    }
    let directory: String
    let root: String
    /// The account whose challenges somebody answers.
    let key: SigningKey
    let account: String
    private let told = Mutex(Told())
    private let running = Mutex<Task<Void, Never>?>(nil)

    /// - Parameter root: the file of the root to trust.
    init(_ directory: String, root: String, key: SigningKey) async throws {
        (self.directory, self.root, self.key) = (directory, root, key)
        account = try await Subscriber.client(directory, root: root).createAccount(key, termsAgreed: true).account.url
    }

    var now: Told { told.withLock { $0 } }

    func start(workers: Int) {
        running.withLock {
            $0 = Task {
                await withTaskGroup(of: Void.self) { group in
                    for worker in 0..<workers { group.addTask { await self.work(worker) } }
                }
            }
        }
    }

    /// Returns when the requests in flight are over.
    func stop() async -> Told {
        let task = running.withLock { $0 }
        task?.cancel()
        await task?.value
        return now
    }

    /// Waits until so many more certificates are there.
    func issues(_ count: Int, limit: Double = 60) async throws {
        let goal = now.certificates.count + count
        try await eventually("\(goal) certificates; errors: \(now.errors.suffix(3))", limit: limit) {
            now.certificates.count >= goal
        }
    }

    private func work(_ worker: Int) async {
        var turn = 0
        while !Task.isCancelled {
            turn += 1
            do { try await once(worker, turn) } catch {
                if Task.isCancelled || error as? ACMEClientError == .cancelled { return }
                told.withLock { $0.errors.append("\(error)") }
                try? await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    private func once(_ worker: Int, _ turn: Int) async throws {
        let client = try Subscriber.client(directory, root: root)
        if turn % 4 == 1 {
            let fresh = SigningKey(.p256)
            let registered = try await client.createAccount(fresh, termsAgreed: true)
            told.withLock { $0.accounts.append((fresh, registered.account.url)) }
        }
        let subscriber = Subscriber(try client.account(key, url: account))
        let name = "load-\(worker)-\(UInt64.random(in: 0 ... .max)).e2e.test"
        let placed = try await subscriber.account.newOrder([name])
        told.withLock { $0.orders.append(placed.url) }
        guard try await subscriber.prove(placed, by: .http01).allSatisfy({ $0.status == .valid }) else {
            throw Program.Failure("\(name) was not found valid")
        }
        let request = try CertificateRequest.make(names: [name], key: CertificateKey(.p256))
        let done = try await subscriber.account.finalize(placed, csr: request)
        guard let certificate = done.order.certificate,
            let leaf = try await subscriber.account.chains(certificate).first?.certificates.first
        else { throw Program.Failure("a valid order without certificate") }
        told.withLock { $0.certificates.append((certificate, leaf)) }
        if turn % 3 == 0 {
            try await subscriber.account.revoke(leaf, reason: 4)
            let serial = try Certificate509(der: leaf).serialText
            told.withLock { $0.revoked.append(serial) }
        }
    }

    /// What is wrong with the authority's memory of what it told: one sentence each.
    /// - Parameters:
    ///   - serials: of all certificates that the authority knows.
    ///   - revoked: those that it knows as revoked.
    func violations(serials: [String], revoked: Set<String>) async throws -> [String] {
        let told = now
        var faults: [String] = []
        if Set(serials).count != serials.count { faults.append("a serial stands twice") }
        let client = try Subscriber.client(directory, root: root)
        for (key, url) in told.accounts where try await client.findAccount(key)?.account.url != url {
            faults.append("an acknowledged account is lost or doubled: \(url)")
        }
        let account = try client.account(key, url: self.account)
        var owners: [String: String] = [:]
        for order in told.orders {
            let now = try await account.order(order)
            guard now.status == .valid else { continue }
            guard let certificate = now.certificate else {
                faults.append("a valid order without certificate: \(order)")
                continue
            }
            if owners.updateValue(order, forKey: certificate) != nil {
                faults.append("a certificate serves two orders: \(certificate)")
            }
        }
        for (certificate, leaf) in told.certificates {
            if try await account.chains(certificate).first?.certificates.first != leaf {
                faults.append("a downloaded certificate has changed: \(certificate)")
            }
            let serial = try Certificate509(der: leaf).serialText
            if !serials.contains(serial) { faults.append("a client holds \(serial), the authority does not know it") }
        }
        for serial in told.revoked where !revoked.contains(serial) { faults.append("the revocation of \(serial) is lost") }
        return faults
    }
}
