import ACME
import Foundation
import GRDB
import Synchronization
import Testing

@testable import Store

/// Runs every verb once with all statements noted, then asks SQLite how it would run each.
struct QueryPlanTests {
    static func statements() async throws -> (statements: Set<String>, plans: [String: [String]], indexes: [String]) {
        let folder = try TestFolder()
        let noted = NotedStatements()
        let engine = try SQLiteEngine(path: folder.database) { sql in noted.add(sql) }
        let store = try await AuthorityStore.open(engine, path: folder.database, lock: nil, mode: .serve, now: start)
        noted.clear()
        try await everyVerb(store)
        await store.close()
        let database = try DatabaseQueue(path: folder.database)
        let statements = noted.all
        let plans = try await database.read { db in
            var plans: [String: [String]] = [:]
            for sql in statements {
                plans[sql] = try plan(db, sql)
            }
            return plans
        }
        let indexes = try await database.read { db in
            try String.fetchAll(db, sql: "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
        }
        return (statements, plans, indexes)
    }

    @Test func `every statement walks along an index`() async throws {
        let (statements, plans, _) = try await Self.statements()
        #expect(statements.count >= 60)
        for (sql, steps) in plans {
            for step in steps where step.hasPrefix("SCAN") {
                // The newest by key is one step from the index's end.
                let newest = sql.hasSuffix("ORDER BY id DESC LIMIT 1") && !step.contains("TEMP")
                // One row per issuer.
                let short = step.hasPrefix("SCAN crls")
                #expect(newest || short, "\(sql)\n\(steps)")
            }
        }
    }

    /// A sort reads everything before it gives the first row: only where what is sorted is few by nature.
    @Test func `no statement sorts what it has found`() async throws {
        for (sql, steps) in try await Self.statements().plans where steps.contains(where: { $0.contains("TEMP B-TREE") }) {
            let isOneAccountsKey = sql.contains("c.account = ") || sql.contains("c.key_hash = ")
            #expect(isOneAccountsKey || sql.contains("FROM crls ORDER BY"), "\(sql)\n\(steps)")
        }
    }

    @Test func `every index is used by some statement`() async throws {
        let (_, plans, indexes) = try await Self.statements()
        let steps = plans.values.flatMap { $0 }
        for index in indexes {
            #expect(steps.contains { $0.contains(" \(index) ") || $0.hasSuffix(" \(index)") }, "\(index)")
        }
    }

    /// SQLite numbers `$n` by first use, PostgreSQL by n: so that both bind alike, first uses ascend from 1.
    @Test func `first uses of parameters ascend`() async throws {
        for sql in try await Self.statements().statements {
            var seen: [Int] = []
            for match in sql.matches(of: /\$(\d+)/) {
                if let number = Int(match.1), !seen.contains(number) { seen.append(number) }
            }
            #expect(seen == Array(1..<(seen.count + 1)), "\(sql)")
        }
    }

    private static func everyVerb(_ store: AuthorityStore) async throws {
        let account = try await store.makeAccount()
        _ = try await store.createAccount(anyAccount(key: account.key))
        _ = try await store.account(account.id)
        _ = try await store.account(thumbprint: "t")
        _ = try await store.accounts(limit: 1)
        _ = try await store.updateContacts(account.id, [])
        try await store.agreeToTerms(account.id, "https://ca.test/terms")
        _ = try await store.changeKey(account.id, from: account.key.thumbprint, to: SigningKey(.p256).jwk)
        let one = try await store.issue(account.id)
        let failing = try await store.makeOrder(account.id)
        try await store.prove(failing)
        let intent = anyIntent(failing)
        _ = try await store.beginIssuance(intent, owner: "", leaseUntil: start)
        _ = try await store.beginIssuance(anyIntent(failing), owner: "", leaseUntil: start)
        _ = try await store.sweep(expiredBefore: start.addingTimeInterval(100 * day))
        try await store.failIssuance(failing.id, refused)
        try await store.recordIssuance(signed(intent))
        try await store.beginOwnIssuance(anyIntent(nil), owner: "", leaseUntil: start)
        _ = try await store.intentsWithoutCertificate()
        _ = try await store.intent(intent.id)
        try await store.voidIntent(intent.id)
        let order = try await store.makeOrder(account.id)
        _ = try await store.order(order.id)
        _ = try await store.orders(of: account.id, limit: 1)
        _ = try await store.orders(limit: 1)
        _ = try await store.beginValidation(order.authorizations[0], .dns01, owner: "", leaseUntil: start, now: start)
        try await store.recordAttempt(order.authorizations[0], .dns01, refused, owner: "me", due: start)
        let work = try await store.claimWork(.validation, owner: "", leaseUntil: start, now: start, limit: 1)
        _ = try await store.extendLease(work[0], until: start)
        _ = try await store.nextDue(.validation)
        try await store.dropWork(work[0])
        _ = try await store.authorization(order.authorizations[0])
        _ = try await store.validAuthorizations(account.id, order.identifiers, now: start)
        try await store.deactivateAuthorization(order.authorizations[0], account: account.id)
        _ = try await store.certificate(one.id)
        _ = try await store.certificate(issuer: one.issuer, serial: one.serial)
        for name in [nil, "a.example"] {
            for account in [nil, account.id] {
                for hash in [nil, one.keyHash] {
                    for revoked in [nil, true, false] {
                        for ends in [nil, start..<start] {
                            let filter = CertificateFilter(
                                name: name, account: account, keyHash: hash, revoked: revoked, ends: ends)
                            _ = try await store.certificates(filter, limit: 1)
                        }
                    }
                }
            }
        }
        _ = try await store.revoke(issuer: one.issuer, serial: one.serial, at: start, reason: 1, blockKey: true)
        _ = try await store.listed(one.issuer)
        _ = try await store.isKeyCertified(one.keyHash)
        try await store.blockKey([1], at: start)
        _ = try await store.isKeyBlocked([1])
        _ = try await store.nextCRLNumber(issuer: "i")
        try await store.saveCRL(StoredRevocationList(issuer: "i", number: 1, der: [], thisUpdate: start, nextUpdate: start))
        _ = try await store.latestCRL(issuer: "i")
        try await store.saveIssuer(StoredIssuer(id: "i", chain: [[1]], created: start))
        _ = try await store.issuers()
        _ = try await store.sweep(expiredBefore: start.addingTimeInterval(100 * day))
        _ = try await store.issue(account.id, at: start.addingTimeInterval(day))
        _ = try await store.counts()
        _ = try await store.workDepth(.issuance)
        try await store.probe()
        _ = try await store.recordedClock()
        try await store.deactivateAccount(account.id)
    }
}

private final class NotedStatements: Sendable {
    private let texts = Mutex<Set<String>>([])
    func add(_ sql: String) { _ = texts.withLock { $0.insert(sql) } }
    func clear() { texts.withLock { $0 = [] } }
    var all: Set<String> { texts.withLock { $0 } }
}

/// The plan's lines, with every parameter NULL.
private func plan(_ db: Database, _ sql: String) throws -> [String] {
    let count = Set(sql.matches(of: /\$(\d+)/).map(\.1)).count
    let nulls = StatementArguments([DatabaseValue](repeating: .null, count: count))
    return try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN " + sql, arguments: nulls).compactMap { $0["detail"] as String? }
}
