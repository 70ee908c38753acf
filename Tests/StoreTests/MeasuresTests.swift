import ACME
import Foundation
import Measures
import Testing

@testable import Store

struct StoreMeasuresTests {
    private func value(_ store: AuthorityStore, _ name: String, _ suffix: String = "", _ label: String? = nil) -> Double? {
        let samples = store.readings.first { $0.name == name }?.samples ?? []
        return samples.first { $0.suffix == suffix && (label == nil || $0.labels.contains { $0.1 == label }) }?.value
    }

    @Test(arguments: EngineKind.allCases)
    func `writes, commits, readings and errors are counted`(kind: EngineKind) async throws {
        let store = try await kind.open()
        let before = try #require(value(store, "chancery_store_verbs_total"))
        let account = try await store.makeAccount()
        _ = try await store.account(account.id)
        await #expect(throws: StoreError.notFound) {
            try await store.recordVerdict(anyID(), .dns01, .valid(until: start), at: start)
        }
        #expect(value(store, "chancery_store_verbs_total") == before + 2)
        #expect(value(store, "chancery_store_commit_seconds", "_count") == before + 2)
        #expect(value(store, "chancery_store_write_seconds", "_count") == before + 1)
        #expect(try #require(value(store, "chancery_store_read_seconds", "_count")) >= 1)
        #expect(value(store, "chancery_store_errors_total", "", "notFound") == 1)
        #expect(value(store, "chancery_store_errors_total", "", "full") == 0)
        #expect(value(store, "chancery_store_waiting") == 0)
        await store.close()
        await #expect(throws: StoreError.closed) { try await store.probe() }
        #expect(value(store, "chancery_store_errors_total", "", "closed") == 1)
    }

    @Test(arguments: EngineKind.allCases)
    func `the oldest work keeps its age whoever takes it`(kind: EngineKind) async throws {
        let store = try await kind.open()
        #expect(try await store.workDepth(.validation) == WorkDepth(items: 0, oldest: nil))
        let account = try await store.makeAccount()
        let order = try await store.makeOrder(account.id, ["a.example", "b.example"])
        for (index, id) in order.authorizations.enumerated() {
            let asked = start.addingTimeInterval(Double(index) * 10)
            _ = try await store.beginValidation(id, .dns01, owner: "a", leaseUntil: asked, now: asked)
        }
        let late = start.addingTimeInterval(100)
        let claimed = try await store.claimWork(
            .validation, owner: "b", leaseUntil: late.addingTimeInterval(60), now: late, limit: 9)
        #expect(claimed.count == 2)
        #expect(try await store.workDepth(.validation) == WorkDepth(items: 2, oldest: start))
        #expect(try await store.workDepth(.issuance).items == 0)
        try await store.recordVerdict(order.authorizations[0], .dns01, .valid(until: late), at: late)
        #expect(try await store.workDepth(.validation) == WorkDepth(items: 1, oldest: start.addingTimeInterval(10)))
        await store.close()
    }

    @Test func `a probe writes nothing that can be seen, but to the disk`() async throws {
        let folder = try TestFolder()
        let store = try await AuthorityStore.open(path: folder.database, now: start)
        let wal = { try FileManager.default.attributesOfItem(atPath: folder.database + "-wal")[.size] as? Int ?? 0 }
        let before = try wal()
        try await store.probe()
        #expect(try wal() > before)
        #expect(try await store.counts().accounts == 0)
        await store.close()
    }
}
