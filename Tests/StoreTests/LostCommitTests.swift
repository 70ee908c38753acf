import ACME
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Store

/// Connections that end in the middle of a transaction, or just behind it.
@Suite(.timeLimit(.minutes(4)))
struct LostCommitTests {
    /// A store behind a proxy.
    private static func world() async throws -> (SocketProxy, AuthorityStore) {
        let server = try await PostgreSQLServer.shared()
        let url = try await server.emptySchema()
        let proxy = try SocketProxy(to: server.folder)
        let encoded = { (path: String) in path.replacingOccurrences(of: "/", with: "%2F") }
        let store = try await openPostgreSQL(
            url.replacingOccurrences(of: encoded(server.folder), with: encoded(proxy.folder.path)))
        return (proxy, store)
    }

    /// Adds one to a number; the commit is a message of its own.
    private static func count(_ store: AuthorityStore) async throws -> Int64 {
        try await store.commit { (sql) throws(StoreError) in
            let row = try sql.row(
                """
                INSERT INTO crl_numbers (issuer, number) VALUES ('lost', 1)
                ON CONFLICT (issuer) DO UPDATE SET number = crl_numbers.number + 1 RETURNING number
                """, [])
            guard let row else { throw .broken("no number") }
            return try row.integer(0)
        }
    }

    private static func counted(_ store: AuthorityStore) async throws -> Int64? {
        try await store.read { (sql) throws(StoreError) in
            try sql.row("SELECT number FROM crl_numbers WHERE issuer = 'lost'", [])?.integer(0)
        }
    }

    @Test func `a commit whose answer is lost is found to have taken place, and is not repeated`() async throws {
        let (proxy, store) = try await Self.world()
        for round in 1...5 {
            proxy.plan(.loseAnswer, after: 1)
            #expect(try await Self.count(store) == Int64(round))
            #expect(proxy.happened == round)
        }
        #expect(try await Self.counted(store) == 5)
        await store.close()
    }

    @Test func `a commit that never arrived is done again`() async throws {
        let (proxy, store) = try await Self.world()
        for round in 1...5 {
            proxy.plan(.loseMessage, after: 1)
            #expect(try await Self.count(store) == Int64(round))
            #expect(proxy.happened == round)
        }
        #expect(try await Self.counted(store) == 5)
        await store.close()
    }

    @Test func `a commit that arrives after it was done again is refused`() async throws {
        let (proxy, store) = try await Self.world()
        for round in 1...3 {
            proxy.plan(.delayMessage, after: 1)
            // The old transaction holds the row until its commit is let go, which is when the new one has been told to wait.
            let counting = Task { try await Self.count(store) }
            try await eventually("the message is held") { proxy.happened == round }
            try await eventually("another transaction waits for the row, or the mark is barred") {
                try await PostgreSQLServer.shared().run("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
                    != "0\n"
            }
            proxy.release()
            #expect(try await counting.value == Int64(round))
        }
        #expect(try await Self.counted(store) == 3)
        await store.close()
    }

    @Test func `a verb whose answer travelled with a lost commit is never a success, nor done twice`() async throws {
        let (proxy, store) = try await Self.world()
        let new = anyAccount()
        proxy.plan(.loseAnswer)
        let error = await #expect(throws: StoreError.self) { try await store.createAccount(new) }
        guard case .unknownOutcome? = error else { Issue.record("\(String(describing: error))"); return }
        #expect(try await store.account(new.id) == new)
        #expect(try await !store.createAccount(new).created)
        await store.close()
    }

    @Test func `fifty connections reset in mid-transaction are felt by nobody`() async throws {
        let server = try await PostgreSQLServer.shared()
        let store = try await openPostgreSQL(try await server.emptySchema())
        let killer = try await Self.killer(server)
        for round in 1...50 {
            let isFirst = Mutex(true)
            let box = Flag(isFirst)
            let number = try await store.commit { (sql) throws(StoreError) in
                let number = try sql.row(
                    """
                    INSERT INTO crl_numbers (issuer, number) VALUES ('reset', 1)
                    ON CONFLICT (issuer) DO UPDATE SET number = crl_numbers.number + 1 RETURNING number
                    """, [])?.integer(0)
                if box.take() { try killer.end(try sql.row("SELECT pg_backend_pid()", [])?.integer(0) ?? 0) }
                // On a connection that is no more.
                _ = try sql.row("SELECT 1", [])
                return number
            }
            #expect(number == Int64(round))
        }
        await store.close()
    }

    @Test func `what was acknowledged under a hail of resets is there`() async throws {
        let server = try await PostgreSQLServer.shared()
        let url = try await server.emptySchema()
        let store = try await openPostgreSQL(url, readers: 2)
        let killer = try await Self.killer(server)
        let schema = try #require(url.split(separator: "%3D").last)
        let isOver = Flag(Mutex(true))
        let acknowledged = try await withThrowingTaskGroup(of: [StoredAccount].self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var made: [StoredAccount] = []
                    while isOver.isSet {
                        do { made.append(try await store.makeAccount()) } catch StoreError.unknownOutcome {} catch StoreError
                            .unavailable
                        {}
                        _ = try? await store.accounts(limit: 1)
                    }
                    return made
                }
            }
            for _ in 0..<50 {
                try killer.endAll(of: String(schema))
                try await Task.sleep(for: .milliseconds(20))
            }
            _ = isOver.take()
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(acknowledged.count > 10)
        for account in acknowledged { #expect(try await store.account(account.id) == account) }
        await store.close()
    }

    private static func killer(_ server: PostgreSQLServer) async throws -> Killer {
        Killer(try PostgreSQLConnection(try PostgreSQLAddress(url: server.url()).parameters, deadline: .seconds(40)))
    }
}

/// A second connection that ends others.
private final class Killer: Sendable {
    private let connection: Mutex<PostgreSQLConnection>
    init(_ connection: PostgreSQLConnection) { self.connection = Mutex(connection) }

    func end(_ process: Int64) throws(StoreError) {
        try run(Statement("SELECT pg_terminate_backend($1::BIGINT::INT, 20000)", [.integer(process)]))
    }

    func endAll(of schema: String) throws(StoreError) {
        // A store names its schema nowhere but in what it was started with; its statements do not either.
        try run(
            Statement(
                """
                SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
                JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 GROUP BY l.pid
                """, [.text(schema)]))
    }

    private func run(_ statement: Statement) throws(StoreError) {
        do { try connection.withLock { _ = try $0.exchange([statement]) } } catch { throw .broken("\(error)") }
    }
}

/// Set until it is taken.
private final class Flag: Sendable {
    private let flag: Mutex<Bool>
    init(_ flag: consuming Mutex<Bool>) { self.flag = flag }
    var isSet: Bool { flag.withLock { $0 } }
    func take() -> Bool {
        flag.withLock { flag in
            defer { flag = false }
            return flag
        }
    }
}
