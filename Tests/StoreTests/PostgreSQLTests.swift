import ACME
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Store

/// What is PostgreSQL's own: its connections, its transactions among several servers, its ways of failing.
@Suite(.timeLimit(.minutes(3)))
struct PostgreSQLTests {
    private static let values: [SQLValue] = [
        .null, .integer(.min), .integer(.max), .text(""), .text("ä𝄞"), .text(String(repeating: "x", count: 100_000)),
        .bytes([]), .bytes([0]), .bytes([UInt8](repeating: 0xFF, count: 100_000)),
    ]

    @Test func `values come back as they were bound`() async throws {
        let store = try await EngineKind.postgreSQL.open()
        for value in Self.values {
            // The three have different types, hence the cast, and different statements.
            let type =
                switch value {
                case .null, .text: "TEXT"
                case .integer: "BIGINT"
                case .bytes: "BYTEA"
                }
            let row = try await store.commit { (sql) throws(StoreError) in try sql.row("SELECT $1::\(type)", [value]) }
            #expect(row?.values == [value])
        }
        await store.close()
    }

    @Test func `statements of a batch travel together and are answered in order`() async throws {
        let store = try await EngineKind.postgreSQL.open()
        let before = store.roundTrips
        let answers = try await store.commit { (sql) throws(StoreError) in
            try sql.conclude([
                Statement("INSERT INTO blocked_keys (key_hash, blocked) VALUES ($1, $2)", [.bytes([1]), .integer(1)]),
                Statement("SELECT blocked FROM blocked_keys WHERE key_hash = $1", [.bytes([1])]),
                Statement("DELETE FROM blocked_keys WHERE key_hash = $1", [.bytes([1])]),
                Statement("SELECT blocked FROM blocked_keys WHERE key_hash = $1", [.bytes([1])]),
            ])
        }
        #expect(answers.map(\.changed) == [1, 0, 1, 0])
        #expect(answers.map(\.rows) == [[], [SQLRow(values: [.integer(1)])], [], []])
        #expect(store.roundTrips - before == 1)
        await store.close()
    }

    @Test func `a failed statement leaves the connection fit for the next verb`() async throws {
        let store = try await EngineKind.postgreSQL.open()
        for _ in 0..<3 {
            await #expect(throws: StoreError.self) {
                try await store.commit { (sql) throws(StoreError) in try sql.run("SELECT 1 / $1::BIGINT", [.integer(0)]) }
            }
            await #expect(throws: StoreError.self) {
                try await store.read { (sql) throws(StoreError) in try sql.row("SELECT nothing FROM nowhere", []) }
            }
            await #expect(throws: StoreError.self) {
                try await store.commit { (sql) throws(StoreError) in try sql.run("SELECT $1", [.text("a\0b")]) }
            }
            _ = try await store.makeAccount()
        }
        #expect(try await store.accounts(limit: 9).count == 3)
        await store.close()
    }

    @Test func `a reading cannot write`() async throws {
        let store = try await EngineKind.postgreSQL.open()
        await #expect(throws: StoreError.self) {
            try await store.read { (sql) throws(StoreError) in
                try sql.run("INSERT INTO blocked_keys (key_hash, blocked) VALUES ($1, 0)", [.bytes([1])])
            }
        }
        #expect(try await !store.isKeyBlocked([1]))
        await store.close()
    }

    @Test func `a snapshot sees one state, whatever is committed meanwhile`() async throws {
        let store = try await EngineKind.postgreSQL.open()
        let other = try await EngineKind.postgreSQL.open()
        await other.close()
        let gate = DispatchSemaphore(value: 0)
        let entered = Mutex(false)
        let reading = Task {
            try await store.read(snapshot: true) { (sql) throws(StoreError) in
                let before = try sql.rows("SELECT key_hash FROM blocked_keys", []).count
                entered.withLock { $0 = true }
                gate.wait()
                return (before, try sql.rows("SELECT key_hash FROM blocked_keys", []).count)
            }
        }
        await eventually { entered.withLock { $0 } }
        try await store.blockKey([1], at: start)
        gate.signal()
        #expect(try await reading.value == (0, 0))
        await store.close()
    }

    @Test func `two servers that start at once on an empty database make one schema`() async throws {
        let url = try await PostgreSQLServer.shared().emptySchema()
        let stores = try await withThrowingTaskGroup(of: AuthorityStore.self) { group in
            for _ in 0..<4 { group.addTask { try await openPostgreSQL(url) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let account = try await stores[0].makeAccount()
        for store in stores {
            #expect(try await store.account(account.id) == account)
            await store.close()
        }
    }

    @Test func `a tool does not migrate, and a newer schema is refused`() async throws {
        let url = try await PostgreSQLServer.shared().emptySchema()
        await #expect(throws: StoreError.olderSchema(found: 0, known: Schema.migrations.count)) {
            _ = try await openPostgreSQL(url, mode: .tool)
        }
        let store = try await openPostgreSQL(url)
        try await store.commit { (sql) throws(StoreError) in
            try sql.run("INSERT INTO migrations (version, name, applied) VALUES ($1, 'later', 0)", [.integer(99)])
        }
        await store.close()
        await #expect(throws: StoreError.newerSchema(found: 99, known: Schema.migrations.count)) {
            _ = try await openPostgreSQL(url)
        }
    }

    @Test func `another program's schema is refused and left alone`() async throws {
        let server = try await PostgreSQLServer.shared()
        let url = try await server.emptySchema()
        let schema = try #require(url.split(separator: "%3D").last)
        try await server.run("CREATE TABLE \(schema).recipes (name TEXT)")
        await #expect(throws: StoreError.self) { _ = try await openPostgreSQL(url) }
        #expect(try await server.run("SELECT count(*) FROM pg_tables WHERE schemaname = '\(schema)'") == "1\n")
    }
}
