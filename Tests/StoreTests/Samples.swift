import ACME
import Foundation
import Testing

@testable import Store

/// Every engine passes the same suite.
enum EngineKind: String, CaseIterable, Sendable {
    case sqlite

    /// A store on a new folder, which goes when the engine goes.
    func open() async throws -> AuthorityStore {
        switch self {
        case .sqlite:
            let folder = try TestFolder()
            let engine = try SQLiteEngine(path: folder.database) { _ in withExtendedLifetime(folder) {} }
            return try await AuthorityStore.open(engine, path: folder.database, lock: nil, mode: .serve, now: start)
        }
    }
}

/// Deleted with its last reference.
final class TestFolder: Sendable {
    let path: String
    var database: String { path + "/chancery.sqlite" }

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("store-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

let start = Date(timeIntervalSince1970: 1_800_000_000)
let hour: TimeInterval = 3600
let day: TimeInterval = 86400

func id(_ number: UInt64, at date: Date = start) -> RecordID { RecordID(at: date, random: number) }
func anyID(at date: Date = start) -> RecordID { RecordID(at: date, random: .random(in: 1 ... .max)) }
func anyBytes(_ count: Int = 16) -> [UInt8] { (0..<count).map { _ in .random(in: 0...255) } }

func anyAccount(key: JWK = SigningKey(.p256).jwk, at date: Date = start) -> StoredAccount {
    StoredAccount(
        id: anyID(at: date), key: key, contacts: ["mailto:a@b.example"], agreedTerms: "https://ca.test/terms", created: date)
}

func anyAuthorization(_ account: RecordID, _ name: String, wildcard: Bool = false, at date: Date = start) -> StoredAuthorization {
    StoredAuthorization(
        id: anyID(at: date), account: account, identifier: .dns(name), wildcard: wildcard,
        expires: date.addingTimeInterval(7 * day), token: "token",
        challenges: ChallengeType.allCases.map { StoredChallenge(type: $0) })
}

func anyOrder(
    _ account: RecordID, _ names: [String] = ["a.example"], at date: Date = start
) -> (order: StoredOrder, authorizations: [StoredAuthorization]) {
    let authorizations = names.map { anyAuthorization(account, $0, at: date) }
    let order = StoredOrder(
        id: anyID(at: date), account: account, identifiers: names.map { .dns($0) }, authorizations: authorizations.map(\.id),
        created: date, expires: date.addingTimeInterval(7 * day))
    return (order, authorizations)
}

func anyIntent(_ order: StoredOrder?, at date: Date = start) -> Intent {
    Intent(
        id: anyID(at: date), order: order?.id, account: order?.account, issuer: "issuer", serial: anyBytes(),
        toBeSigned: anyBytes(700), identifiers: order?.identifiers ?? [.dns("ca.example")], created: date)
}

func signed(_ intent: Intent, keyHash: [UInt8] = anyBytes(32), notAfter: Date? = nil) -> StoredCertificate {
    StoredCertificate(
        id: intent.id, order: intent.order, account: intent.account, issuer: intent.issuer, serial: intent.serial,
        der: anyBytes(900), keyHash: keyHash, identifiers: intent.identifiers, notBefore: intent.created,
        notAfter: notAfter ?? intent.created.addingTimeInterval(45 * day), created: intent.created)
}

let refused = Problem(.unauthorized, 403, "The answer was \"no\"\nand a second line.")

extension AuthorityStore {
    /// An account with a new key.
    func makeAccount(at date: Date = start) async throws -> StoredAccount {
        try await createAccount(anyAccount(at: date)).account
    }

    /// A pending order of that account.
    func makeOrder(_ account: RecordID, _ names: [String] = ["a.example"], at date: Date = start) async throws -> StoredOrder {
        let new = anyOrder(account, names, at: date)
        try await createOrder(new.order, new.authorizations)
        return new.order
    }

    /// Everything that the issuer's next list must name, read as the publisher reads it.
    func listed(_ issuer: String, page: Int = 3) async throws -> [StoredRevocation] {
        var (all, place) = ([StoredRevocation](), try await publicationState(issuer: issuer).start)
        while true {
            let next = try await revocations(issuer: issuer, after: place, limit: page)
            all += next
            guard next.count == page, let last = next.last else { return all }
            place = last.place
        }
    }

    /// All authorizations of the order become valid.
    func prove(_ order: StoredOrder, at date: Date = start) async throws {
        for authorization in order.authorizations {
            _ = try await beginValidation(
                authorization, .http01, owner: "me", leaseUntil: date.addingTimeInterval(60), now: date)
            try await recordVerdict(authorization, .http01, .valid(until: date.addingTimeInterval(30 * day)), at: date)
        }
    }

    /// From nothing to a certificate.
    func issue(
        _ account: RecordID, _ names: [String] = ["a.example"], keyHash: [UInt8] = anyBytes(32), notAfter: Date? = nil,
        at date: Date = start
    ) async throws -> StoredCertificate {
        let order = try await makeOrder(account, names, at: date)
        try await prove(order, at: date)
        let intent = anyIntent(order, at: date)
        #expect(try await beginIssuance(intent, owner: "me", leaseUntil: date.addingTimeInterval(60)) == .begun)
        return try await recordIssuance(signed(intent, keyHash: keyHash, notAfter: notAfter))
    }
}
