import Foundation
import Logging
import Store
import TestSupport
import Testing

@testable import Authority

/// Two servers' nonces on one real PostgreSQL.
@Suite(.enabled(if: PostgreSQLServer.programs != nil), .timeLimit(.minutes(3))) struct SharedNonceTests {
    private func quiet() -> Logger { Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }) }

    /// - Parameter time: theirs; each may have a clock of its own.
    private func pair(_ times: [SimulatedTime] = [SimulatedTime(), SimulatedTime()]) async throws -> (
        server: PostgreSQLServer, nonces: [SharedNonces], stores: [AuthorityStore]
    ) {
        let server = try await PostgreSQLServer.shared()
        let url = try await server.emptySchema()
        var (nonces, stores): ([SharedNonces], [AuthorityStore]) = ([], [])
        for time in times {
            let store = try await AuthorityStore.open(DatabaseLocation(url, relativeTo: "/"), now: time.now)
            stores.append(store)
            nonces.append(SharedNonces(store, time.surroundings, quiet()) { _ in })
            try await nonces.last?.refresh()
        }
        return (server, nonces, stores)
    }

    @Test func `a nonce of one server is taken once, by whichever gets it`() async throws {
        let (_, nonces, stores) = try await pair()
        for turn in 0..<20 {
            let nonce = nonces[turn % 2].issue()
            #expect(nonce.utf8.count == 43)
            let taken = try await withThrowingTaskGroup(of: Bool.self) { group in
                for use in 0..<50 { group.addTask { try await nonces[use % 2].spend(nonce) } }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(taken == 1)
        }
        for store in stores { await store.close() }
    }

    @Test func `nonces of nobody, changed ones, and ones of another authority are refused`() async throws {
        let (_, nonces, stores) = try await pair()
        let (_, others, more) = try await pair()
        let good = nonces[0].issue()
        var changed = Array(good.utf8)
        changed[20] = changed[20] == 65 ? 66 : 65
        let all = [
            "", "x", String(good.dropLast()), good + "A", String(decoding: changed, as: UTF8.self), others[0].issue(),
            NonceOffice().issue(), String(repeating: "A", count: 43),
        ]
        for bad in all { #expect(try await !nonces[1].spend(bad), "\(bad)") }
        #expect(try await nonces[1].spend(good))
        for store in stores + more { await store.close() }
    }

    @Test func `nonces live through one change of epoch and not two, and servers need not agree on the time`() async throws {
        let times = [SimulatedTime(), SimulatedTime(1_800_000_000 - 86_400)]
        let (_, nonces, stores) = try await pair(times)
        let early = (0..<3).map { _ in nonces[0].issue() }
        #expect(try await nonces[1].spend(early[0]))
        times[0].advance(SharedNonces.period + 1)
        try await nonces[0].refresh()
        let next = nonces[0].issue()
        #expect(try await nonces[1].spend(next), "the other learns of the epoch by itself")
        #expect(try await nonces[1].spend(early[1]))
        times[0].advance(SharedNonces.period + 1)
        try await nonces[0].refresh()
        #expect(try await !nonces[1].spend(early[2]))
        #expect(try await nonces[0].spend(nonces[1].issue()), "and has turned to the new one")
        for store in stores { await store.close() }
    }

    @Test func `after a crash of the database no earlier nonce is taken, and the next one is`() async throws {
        let server = try await PostgreSQLServer()
        let location = try DatabaseLocation(server.url(), relativeTo: "/")
        let time = SimulatedTime()
        let store = try await AuthorityStore.open(location, now: time.now)
        let nonces = SharedNonces(store, time.surroundings, quiet()) { _ in }
        try await nonces.refresh()
        let (spent, unspent) = (nonces.issue(), nonces.issue())
        #expect(try await nonces.spend(spent))
        // A process of the server that dies makes it start anew by recovery.
        let backend = try await server.run("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
        kill(try #require(Int32(backend.trimmingCharacters(in: .whitespacesAndNewlines))), SIGKILL)
        for nonce in [spent, unspent] {
            try await eventually("an answer about a nonce of before the crash") {
                do {
                    #expect(try await !nonces.spend(nonce))
                    return true
                } catch { return false }
            }
        }
        #expect(try await nonces.spend(nonces.issue()))
        await store.close()
    }
}
