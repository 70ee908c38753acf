import ACME
import Foundation
import TestSupport
import Testing

@testable import Store

/// Copying a database to the other engine and back, and checking it.
@Suite(.timeLimit(.minutes(4)))
struct MaintenanceTests {
    /// A store in each state that rows can be in.
    private static func fill(_ store: AuthorityStore) async throws {
        for number in 0..<8 {
            let account = try await store.makeAccount(at: start.addingTimeInterval(Double(number)))
            let issued = try await store.issue(account.id, ["host\(number).example", "ä.example"])
            let running = try await store.makeOrder(account.id)
            try await store.prove(running)
            _ = try await store.beginIssuance(anyIntent(running), owner: "me", leaseUntil: start)
            let failed = try await store.makeOrder(account.id, ["c.example"])
            try await store.prove(failed)
            _ = try await store.beginIssuance(anyIntent(failed), owner: "me", leaseUntil: start)
            try await store.failIssuance(failed.id, refused)
            let waiting = try await store.makeOrder(account.id, ["d.example"])
            _ = try await store.beginValidation(waiting.authorizations[0], .dns01, owner: "me", leaseUntil: start, now: start)
            if number % 2 == 0 {
                _ = try await store.revoke(issuer: issued.issuer, serial: issued.serial, at: start, reason: nil, blockKey: true)
            }
            if number == 7 { try await store.deactivateAccount(account.id) }
        }
        let number = try await store.nextCRLNumber(issuer: "issuer")
        try await store.saveCRL(
            StoredRevocationList(
                issuer: "issuer", number: number, der: anyBytes(300), thisUpdate: start, nextUpdate: .distantFuture))
        try await store.saveIssuer(StoredIssuer(id: "issuer", chain: [anyBytes(600)], created: start))
        _ = try await store.found(Founder(root: anyBytes(32), issuer: "issuer", place: "here"), now: start)
        _ = try await store.secret("s", proposed: anyBytes(32))
    }

    /// An empty database of that engine, to copy into.
    private static func target(_ kind: EngineKind) async throws -> AuthorityStore {
        switch kind {
        case .sqlite:
            let folder = try TestFolder()
            let engine = try SQLiteEngine(path: folder.database) { _ in withExtendedLifetime(folder) {} }
            return try await AuthorityStore.open(engine, path: folder.database, lock: nil, mode: .target, now: start)
        case .postgreSQL: return try await openPostgreSQL(try await PostgreSQLServer.shared().emptySchema(), mode: .target)
        }
    }

    @Test(arguments: EngineKind.allCases, EngineKind.allCases)
    func `a copy is alike in every row, and works on`(from: EngineKind, to: EngineKind) async throws {
        let source = try await from.open()
        try await Self.fill(source)
        let target = try await Self.target(to)
        let copied = try await DatabaseCopy(from: source, to: target, batch: 7).run()
        #expect(copied.first { $0.name == "certificates" }?.rows == 8)
        #expect(copied.allSatisfy { $0.rows == $0.written || $0.name == "account_changes" })
        #expect(copied.allSatisfy { $0.digest.count == 32 })
        #expect(try await target.certificates(limit: 100) == source.certificates(limit: 100))
        #expect(try await target.accounts(limit: 100) == source.accounts(limit: 100))
        #expect(try await target.check().findings == [])
        #expect(try await target.nextCRLNumber(issuer: "issuer") == 2)
        for intent in try await target.intentsWithoutCertificate() { try await target.recordIssuance(signed(intent)) }
        let account = try await target.makeAccount()
        _ = try await target.issue(account.id)
        #expect(try await target.check().findings == [])
        await source.close()
        await target.close()
    }

    @Test func `a copy that was interrupted goes on, and brings over what has changed since`() async throws {
        let (source, target) = (try await EngineKind.sqlite.open(), try await Self.target(.postgreSQL))
        try await Self.fill(source)
        let first = try await DatabaseCopy(from: source, to: target, batch: 5).run(isPreliminary: true)
        #expect(first.reduce(0) { $0 + $1.written } > 80)
        let account = try #require(try await source.accounts(limit: 1).first)
        try await source.deactivateAccount(account.id)
        let late = try await source.makeAccount(at: start.addingTimeInterval(99))
        let second = try await DatabaseCopy(from: source, to: target, batch: 5).run()
        let written = second.reduce(0) { $0 + $1.written }
        #expect(written > 0 && written <= 25, "\(second)")
        #expect(try await target.account(late.id) == late)
        #expect(try await target.account(account.id)?.status == .deactivated)
        await source.close()
        await target.close()
    }

    @Test(arguments: EngineKind.allCases)
    func `a target that holds something of its own is refused and left alone`(kind: EngineKind) async throws {
        let (source, target) = (try await EngineKind.sqlite.open(), try await Self.target(kind))
        try await Self.fill(source)
        let own = try await target.makeAccount()
        await #expect(throws: StoreError.self) { try await DatabaseCopy(from: source, to: target).run() }
        #expect(try await target.accounts(limit: 9) == [own])
        await source.close()
        await target.close()
    }

    @Test func `half a copy is not served`() async throws {
        let url = try await PostgreSQLServer.shared().emptySchema()
        let (source, target) = (try await EngineKind.sqlite.open(), try await openPostgreSQL(url, mode: .target))
        try await Self.fill(source)
        _ = try await DatabaseCopy(from: source, to: target).run(isPreliminary: true)
        await target.close()
        for mode in [AuthorityStore.Mode.serve, .tool] {
            let error = await #expect(throws: StoreError.self) { _ = try await openPostgreSQL(url, mode: mode) }
            #expect(error?.description.contains("database copy") == true)
        }
        let again = try await openPostgreSQL(url, mode: .target)
        _ = try await DatabaseCopy(from: source, to: again).run()
        await again.close()
        let served = try await openPostgreSQL(url)
        #expect(try await served.accounts(limit: 100).count == 8)
        await served.close()
        await source.close()
    }

    @Test(arguments: EngineKind.allCases)
    func `a check finds each row that lacks another`(kind: EngineKind) async throws {
        let store = try await kind.open()
        try await Self.fill(store)
        #expect(try await store.check().findings == [])
        #expect(try await store.check().rows.first { $0.table == "accounts" }?.rows == 8)
        let harms: [(String, String)] = [
            ("DELETE FROM accounts WHERE status = 'deactivated'", "accounts"),
            ("DELETE FROM intents WHERE id = (SELECT id FROM intents WHERE id > $1 ORDER BY id LIMIT 1)", "intents"),
            ("DELETE FROM certificate_names WHERE name = 'host1.example'", "names"),
            ("DELETE FROM crl_numbers WHERE issuer = 'issuer'", "numbers"),
            ("DELETE FROM revocations WHERE certificate = (SELECT certificate FROM revocations LIMIT 1)", "revocations"),
            ("DELETE FROM authorizations WHERE challenges LIKE '%processing%'", "authorizations"),
        ]
        for (sql, _) in harms {
            let parameters: [SQLValue] = sql.contains("$1") ? [.bytes([UInt8](repeating: 0, count: 16))] : []
            #expect(try await store.commit { (session) throws(StoreError) in try session.run(sql, parameters) } > 0, "\(sql)")
        }
        let findings = try await store.check().findings
        for (table, what) in [
            ("orders", "have no account"), ("authorizations", "have no account"), ("certificates", "have no account"),
            ("orders", "are in process with nothing intended"), ("work", "are for nothing intended"),
            ("work", "are for no authorization"), ("crls", "have a number that was never given"),
            ("certificates", "can't be found by one of their names"),
            ("revocation_counts", "differ from the revocations there are"),
        ] {
            #expect(findings.contains { $0.table == table && $0.what == what }, "\(table) \(what): \(findings)")
        }
        await store.close()
    }

    @Test(arguments: EngineKind.allCases)
    func `a check counts rows that cannot be read, and goes on`(kind: EngineKind) async throws {
        let store = try await kind.open()
        try await Self.fill(store)
        for (table, change) in [
            ("accounts", "contacts = 'x'"), ("authorizations", "challenges = 'x'"), ("certificates", "identifiers = 'x'"),
            ("intents", "identifiers = 'x'"), ("orders", "status = 'x'"),
        ] {
            let sql = "UPDATE \(table) SET \(change) WHERE id = (SELECT id FROM \(table) WHERE id > $1 ORDER BY id LIMIT 1)"
            let changed = try await store.commit { (session) throws(StoreError) in try session.run(sql, [RecordID.first.sql]) }
            #expect(changed == 1)
            let findings = try await store.check().findings
            #expect(findings.contains(DatabaseFinding(table: table, what: "cannot be read", rows: 1)), "\(findings)")
        }
        await store.close()
    }

    @Test func `values that only SQLite keeps are found by a check, and named by a copy`() async throws {
        let (source, target) = (try await EngineKind.sqlite.open(), try await Self.target(.postgreSQL))
        try await Self.fill(source)
        try await source.commit { (sql) throws(StoreError) in try sql.run("UPDATE revocations SET reason = 'x'", []) }
        let found = DatabaseFinding(table: "revocations", what: "hold a value of another kind than their column's", rows: 4)
        #expect(try await source.check().findings.contains(found))
        let error = await #expect(throws: StoreError.self) { try await DatabaseCopy(from: source, to: target).run() }
        #expect(error?.description.contains("refuses a row of its revocations") == true, "\(error as Any)")
        await source.close()
        await target.close()
    }
}
