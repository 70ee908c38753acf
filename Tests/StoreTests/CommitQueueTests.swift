import ACME
import Dispatch
import Foundation
import Measures
import Synchronization
import Testing

@testable import Store

/// Holds the writer inside a verb, so that what a test enqueues meanwhile rides in the next transaction.
final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    let entered = Mutex(false)
    func open() { semaphore.signal() }

    func hold(_ store: AuthorityStore) -> Task<Void, any Error> {
        Task {
            try await store.commit { (sql) throws(StoreError) in
                self.entered.withLock { $0 = true }
                self.semaphore.wait()
            }
        }
    }
}

/// Lets others run until the condition holds; the test's time limit catches what never comes.
func eventually(_ condition: () -> Bool) async { while !condition() { await Task.yield() } }

@Suite(.timeLimit(.minutes(3)))
struct CommitQueueTests {
    @Test(arguments: EngineKind.allCases)
    func `verbs that wait share one commit`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let gate = Gate()
        let held = gate.hold(store)
        await eventually { gate.entered.withLock { $0 } }
        let before = store.statistics
        let writers = (0..<50).map { _ in Task { try await store.makeAccount() } }
        await eventually { store.statistics.waiting == 50 }
        gate.open()
        try await held.value
        for writer in writers { _ = try await writer.value }
        let after = store.statistics
        #expect(after.verbs - before.verbs == 51)
        #expect(after.commits - before.commits == 2)
        #expect(try await store.accounts(limit: 100).count == 50)
        await store.close()
    }

    @Test(arguments: EngineKind.allCases)
    func `a verb's error undoes neither its neighbours nor leaves anything of its own`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let gate = Gate()
        let held = gate.hold(store)
        await eventually { gate.entered.withLock { $0 } }
        let tasks = (0..<20).map { number in
            Task {
                let hash = [UInt8(number)]
                try await store.commit { (sql) throws(StoreError) in
                    try sql.run("INSERT INTO blocked_keys (key_hash, blocked) VALUES ($1, 0)", [hash.sql])
                    if number % 3 == 0 { throw .conflict("on purpose") }
                    if number % 3 == 1 { try sql.run("INSERT INTO blocked_keys (key_hash, blocked) VALUES ($1, 0)", [hash.sql]) }
                }
            }
        }
        await eventually { store.statistics.waiting == 20 }
        gate.open()
        try await held.value
        for (number, task) in tasks.enumerated() {
            switch (number % 3, await task.result) {
            case (2, .success): #expect(try await store.isKeyBlocked([UInt8(number)]))
            case (0, .failure(let error)):
                #expect(error as? StoreError == .conflict("on purpose"))
                #expect(try await !store.isKeyBlocked([UInt8(number)]))
            case (1, .failure): #expect(try await !store.isKeyBlocked([UInt8(number)]))
            default: Issue.record("verb \(number) had the wrong outcome")
            }
        }
        await store.close()
    }

    @Test func `a verb that throws before it has written is left out, and its neighbours run once`() async throws {
        let store = try await EngineKind.sqlite.open()
        let gate = Gate()
        let held = gate.hold(store)
        await eventually { gate.entered.withLock { $0 } }
        let runs = Counter()
        let tasks = (0..<20).map { number in
            Task {
                try await store.commit { (sql) throws(StoreError) in
                    runs.add()
                    guard number % 2 == 0 else { throw .notFound }
                    try sql.run("INSERT INTO blocked_keys (key_hash, blocked) VALUES ($1, 0)", [[UInt8(number)].sql])
                }
            }
        }
        await eventually { store.statistics.waiting == 20 }
        gate.open()
        try await held.value
        for (number, task) in tasks.enumerated() {
            let isFine = if case .success = await task.result { true } else { false }
            #expect(isFine == (number % 2 == 0))
            #expect(try await store.isKeyBlocked([UInt8(number)]) == isFine)
        }
        #expect(runs.value == 20)
        await store.close()
    }

    @Test(arguments: EngineKind.allCases)
    func `a client that hangs up loses nothing`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let gate = Gate()
        let held = gate.hold(store)
        await eventually { gate.entered.withLock { $0 } }
        let new = anyAccount()
        let requester = Task { try await store.createAccount(new) }
        await eventually { store.statistics.waiting == 1 }
        requester.cancel()
        gate.open()
        try await held.value
        #expect(try await requester.value.created)
        #expect(try await store.account(new.id) == new)
        await store.close()
    }

    @Test(arguments: EngineKind.allCases)
    func `a full queue refuses before anything is written`(kind: EngineKind) async throws {
        let store = try await kind.open(capacity: 2)
        let gate = Gate()
        let held = gate.hold(store)
        await eventually { gate.entered.withLock { $0 } }
        let waiting = (0..<2).map { _ in Task { try await store.makeAccount() } }
        await eventually { store.statistics.waiting == 2 }
        let late = anyAccount()
        await #expect(throws: StoreError.busy) { try await store.createAccount(late) }
        gate.open()
        try await held.value
        for one in waiting { _ = try await one.value }
        #expect(try await store.account(late.id) == nil)
        #expect(try await store.createAccount(late).created)
        await store.close()
    }

    @Test(arguments: EngineKind.allCases)
    func `closing finishes what was taken on and refuses the rest`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let gate = Gate()
        let held = gate.hold(store)
        await eventually { gate.entered.withLock { $0 } }
        let writers = (0..<10).map { _ in Task { try await store.makeAccount() } }
        await eventually { store.statistics.waiting == 10 }
        let closing = Task { await store.close() }
        var late: StoreError?
        while late == nil { late = await refusal(store) }
        #expect(late == .closed)
        gate.open()
        try await held.value
        for writer in writers { _ = try await writer.value }
        await closing.value
        await #expect(throws: StoreError.closed) { _ = try await store.accounts(limit: 1) }
    }

    /// Nil while the queue still takes verbs.
    private func refusal(_ store: AuthorityStore) async -> StoreError? {
        await Task.yield()
        guard store.queue.isClosed else { return nil }
        do throws(StoreError) {
            try await store.commit { (_) throws(StoreError) in }
            return nil
        } catch { return error }
    }
}
