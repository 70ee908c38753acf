import ACME
import Authority
import Foundation
import Logging
import PKIX
import Signing
import Store
import Synchronization
import Testing
import Validation

/// A key in memory that can be made to fail.
final class SoftwareSigner: Signer {
    let key: CertificateKey
    let failures = Mutex(0)
    let signatures = Mutex(0)
    /// Signing waits for this clock when set.
    let slowness = Mutex<(@Sendable () async -> Void)?>(nil)

    init(_ key: CertificateKey) { self.key = key }
    /// The next so many signatures are refused.
    func fail(_ times: Int) { failures.withLock { $0 = times } }
    func hold(_ wait: (@Sendable () async -> Void)?) { slowness.withLock { $0 = wait } }
    var count: Int { signatures.withLock { $0 } }
    var publicKey: PublicKeyInfo { key.publicKey }
    var scheme: SignatureScheme { key.scheme }

    func sign(_ bytes: [UInt8]) async throws(SigningError) -> [UInt8] {
        if let wait = slowness.withLock({ $0 }) { await wait() }
        let fails = failures.withLock { failures in
            guard failures > 0 else { return false }
            failures -= 1
            return true
        }
        if fails { throw .failed(reason: "told to") }
        signatures.withLock { $0 += 1 }
        do { return try key.sign(bytes) } catch { throw .failed(reason: "\(error)") }
    }
}

/// Two tiers, the key of the lower one at hand.
struct Hierarchy: Sendable {
    let root: Certificate509
    let intermediate: Certificate509
    let signer: SoftwareSigner

    init(now: Date, permitted: [String]? = nil, years: Double = 20) async throws {
        let (rootKey, key) = (try CertificateKey(.p256), try CertificateKey(.p256))
        let start = now.addingTimeInterval(-60)
        let end = start.addingTimeInterval(years * 365 * 86_400)
        let name = DistinguishedName(commonName: "Test Root", organization: "Test")
        let rootDescription = CertificateDescription.root(
            name: name, key: rootKey.publicKey, serial: [1, 2, 3, 4, 5, 6, 7, 8, 9], notBefore: start, notAfter: end)
        let rootLinted = try Linted(
            root: ToBeSigned(rootDescription, signedWith: rootKey.scheme), key: rootKey.publicKey, at: now)
        root = try Certificate509(der: try await rootLinted.signed { try rootKey.sign($0) })
        let issuer = try IssuerDescription(root)
        let description = CertificateDescription.intermediate(
            name: DistinguishedName(commonName: "Test Issuer", organization: "Test"), key: key.publicKey, issuer: issuer,
            serial: [2, 2, 3, 4, 5, 6, 7, 8, 9], notBefore: start, notAfter: end.addingTimeInterval(-1), permitted: permitted,
            crlURL: "http://ca.test:8080/crl/root.crl", issuerURL: "http://ca.test:8080/root.cer")
        let linted = try Linted(ToBeSigned(description, signedWith: issuer.scheme), as: .intermediate, issuer: issuer, at: now)
        intermediate = try Certificate509(der: try await linted.signed { try rootKey.sign($0) })
        signer = SoftwareSigner(key)
    }

    func issuer() throws -> Issuer { try Issuer(signer: signer, certificates: [intermediate, root]) }
}

/// What targets answer, by name.
final class World: Sendable {
    let answers = Mutex<[String: Result<Evidence, Problem>]>([:])
    let asked = Mutex<[Attempt]>([])
    let otherwise = Mutex<Result<Evidence, Problem>>(.success(Evidence(address: "192.0.2.1", summary: "as expected")))

    var queries: Int { asked.withLock { $0.count } }
    var tokens: [String] { asked.withLock { $0.map(\.token) } }
    var thumbprints: [String] { asked.withLock { $0.map(\.thumbprint) } }

    /// Every target waits for this before it answers, when set.
    let slowness = Mutex<(@Sendable () async -> Void)?>(nil)
    func hold(_ wait: (@Sendable () async -> Void)?) { slowness.withLock { $0 = wait } }

    func query(_ attempt: Attempt) async -> Result<Evidence, Problem> {
        if let wait = slowness.withLock({ $0 }) { await wait() }
        return ask(attempt)
    }

    func say(_ name: String, _ answer: Result<Evidence, Problem>) { answers.withLock { $0[name] = answer } }
    func ask(_ attempt: Attempt) -> Result<Evidence, Problem> {
        asked.withLock { $0.append(attempt) }
        return answers.withLock { $0[attempt.name] } ?? otherwise.withLock { $0 }
    }
    static let refusal = Result<Evidence, Problem>.failure(Problem(.connection, 400, "Nobody answers."))
    static let success = Result<Evidence, Problem>.success(Evidence(address: "192.0.2.1", summary: "as expected"))
}

/// A whole authority over a real store in a folder of its own, in simulated time.
final class House {
    let folder: String
    let time: SimulatedTime
    let world = World()
    let hierarchy: Hierarchy
    let policy: AuthorityPolicy
    private(set) var store: AuthorityStore
    private(set) var authority: CertificateAuthority

    init(policy: AuthorityPolicy = AuthorityPolicy(), permitted: [String]? = nil, years: Double = 20) async throws {
        let memory = "/dev/shm"
        let base = FileManager.default.isWritableFile(atPath: memory) ? memory : NSTemporaryDirectory()
        folder = "\(base)/authority-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        time = SimulatedTime()
        self.policy = policy
        hierarchy = try await Hierarchy(now: time.now, permitted: permitted, years: years)
        store = try await AuthorityStore.open(path: folder + "/db.sqlite", now: time.now)
        authority = try Self.authority(store, hierarchy, policy, world, time)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// The process ends and another begins.
    func restart() async throws {
        await authority.validations.settled()
        await authority.issuances.settled()
        await store.close()
        store = try await AuthorityStore.open(path: folder + "/db.sqlite", now: time.now)
        authority = try Self.authority(store, hierarchy, policy, world, time)
    }

    private static func authority(
        _ store: AuthorityStore, _ hierarchy: Hierarchy, _ policy: AuthorityPolicy, _ world: World, _ time: SimulatedTime
    ) throws -> CertificateAuthority {
        var logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        logger.logLevel = .critical
        return CertificateAuthority(
            store: store, issuer: try hierarchy.issuer(), urls: PublicationURLs(base: "http://ca.test:8080"), policy: policy,
            validate: { await world.query($0) }, surroundings: time.surroundings, logger: logger)
    }

    // MARK: Shorthand

    func account(_ key: SigningKey = SigningKey(.p256)) async throws -> StoredAccount {
        try await authority.createAccount(NewAccount(termsOfServiceAgreed: true), key: key.jwk).account
    }

    func order(_ names: [String], _ account: StoredAccount) async throws -> OrderWithAuthorizations {
        try await authority.createOrder(NewOrder(identifiers: names.map { .dns($0) }), for: account.id)
    }

    /// Answers the first challenge of each authorization and waits for the verdicts.
    func prove(_ order: OrderWithAuthorizations, _ account: StoredAccount) async throws {
        for authorization in order.authorizations {
            let type = try #require(authorization.challenges.first?.type)
            _ = try await authority.respond(authorization.id, type, for: account.id)
        }
        await authority.validations.settled()
    }

    func ready(_ names: [String], _ account: StoredAccount) async throws -> OrderWithAuthorizations {
        let order = try await order(names, account)
        try await prove(order, account)
        return try await authority.order(order.order.id, for: account.id)
    }

    func issue(_ names: [String], _ account: StoredAccount, _ key: CertificateKey) async throws -> StoredCertificate {
        let order = try await ready(names, account)
        let csr = try CertificateRequest.make(names: names, key: key)
        let done = try await authority.finalize(order.order.id, csr: csr, for: account.id)
        return try await certificate(of: done)
    }

    func certificate(of order: OrderWithAuthorizations) async throws -> StoredCertificate {
        let id = try #require(order.order.certificate)
        return try #require(try await store.certificate(id))
    }
}
