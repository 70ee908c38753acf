import ACME
import ACMEClient
import Foundation
import PKIX
import Synchronization
import TestSupport

/// Clients that go on whatever becomes of the server, and write down what they were told in the form that
/// `Benchmarks/chaos/check.py` compares with the store: accounts and their key changes, orders, certificates, revocations.
final class WitnessedLoad: Sendable {
    let journal: String
    private let file: Mutex<FileHandle?>
    private let authority: TestAuthority
    private let key: SigningKey
    private let account: String
    private let responder: StatelessResponder
    private let issued = Mutex(0)
    private let running = Mutex<Task<Void, Never>?>(nil)

    /// Makes the account that all orders are placed with; begins nothing.
    init(_ authority: TestAuthority) async throws {
        self.authority = authority
        key = SigningKey(.p256)
        responder = try await StatelessResponder(port: authority.http01Port, thumbprint: key.jwk.thumbprint)
        account = try await Subscriber(authority, key: key).account.url
        journal = try authority.folder.write("journal", "")
        file = Mutex(FileHandle(forWritingAtPath: journal))
        try note("account", ["url": account, "key": key.jwk.thumbprint])
    }

    /// Certificates so far.
    var count: Int { issued.withLock { $0 } }

    func begin(clients: Int = 3) {
        let task = Task {
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<clients {
                    group.addTask {
                        while !Task.isCancelled {
                            do { try await self.work() } catch { try? await Task.sleep(for: .milliseconds(20)) }
                        }
                    }
                }
            }
        }
        running.withLock { $0 = task }
    }

    func end() async {
        let task = running.withLock { $0 }
        task?.cancel()
        await task?.value
    }

    /// One new account that changes its key, one order to its certificate and the revocation of that.
    private func work() async throws {
        let client = try Subscriber.client(authority)
        let (first, second) = (SigningKey(.p256), SigningKey(.p256))
        let fresh = try await client.createAccount(first, termsAgreed: true).account
        try note("account", ["url": fresh.url, "key": first.jwk.thumbprint])
        try note("key-try", ["url": fresh.url, "key": second.jwk.thumbprint])
        _ = try await fresh.rollOver(to: second)
        try note("key", ["url": fresh.url, "key": second.jwk.thumbprint])

        let account = try client.account(key, url: account)
        let name = "c\(UInt64.random(in: 0 ... .max)).e2e.test"
        let placed = try await account.newOrder([name])
        try note("order", ["url": placed.url])
        for url in placed.order.authorizations {
            for challenge in try await account.authorization(url).challenges where challenge.type == ChallengeType.http01.rawValue
            {
                try await account.respond(to: challenge)
            }
            while try await account.authorization(url).status == .pending { try await Task.sleep(for: .milliseconds(10)) }
            if try await account.authorization(url).status == .valid { try note("authorization", ["url": url]) }
        }
        let done = try await account.finalize(placed, csr: CertificateRequest.make(names: [name], key: CertificateKey(.p256)))
        guard done.order.status == .valid, let certificate = done.order.certificate else { return }
        try note("valid", ["url": placed.url, "certificate": certificate])
        guard let leaf = try await account.chains(certificate).first?.certificates.first else { return }
        try note("certificate", ["url": certificate, "der": Base64URL.encode(leaf)])
        issued.withLock { $0 += 1 }
        try await account.revoke(leaf, reason: 4)
        try note("revoked", ["der": Base64URL.encode(leaf)])
    }

    private func note(_ kind: String, _ members: [String: String]) throws {
        let line = try JSONEncoder().encode(members.merging(["k": kind]) { one, _ in one }) + Data("\n".utf8)
        try file.withLock { try $0?.write(contentsOf: line) }
    }

    /// Compares all that was told with what is stored.
    /// - Parameter database: nil: the authority's.
    func check(_ more: String..., database: String? = nil) async throws -> Program.Outcome {
        try await Program.run(
            "python3",
            [
                "-B", Tools.benchmark("chaos/check.py"), "--database", database ?? "\(authority.data)/chancery.sqlite",
                "--journal",
                journal,
            ] + more)
    }
}
