import ACME
import Foundation
import GRDB
import Testing

@testable import Store

/// What the store does once the machine below it fails.
struct FailureTests {
    @Test func `after the device failed under a commit nothing is acknowledged any more, and reading goes on`() async throws {
        let store = try await EngineKind.sqlite.open()
        let account = try await store.makeAccount()
        #expect(store.failure == nil)
        let failure = StoreError.device("sync")
        await #expect(throws: failure) { try await store.commit { (_) throws(StoreError) in throw failure } }
        #expect(store.failure == failure)
        await #expect(throws: failure) { try await store.makeAccount() }
        #expect(try await store.account(account.id) == account)
        await store.close()
    }

    @Test(arguments: [StoreError.full(path: "p"), .shortage("no descriptors"), .busy])
    func `what passes by itself ends nothing`(passing: StoreError) async throws {
        let store = try await EngineKind.sqlite.open()
        await #expect(throws: passing) { try await store.commit { (_) throws(StoreError) in throw passing } }
        #expect(store.failure == nil)
        _ = try await store.makeAccount()
        await store.close()
    }

    static let codes: [(ResultCode, isDevice: Bool)] = [
        (.SQLITE_IOERR_FSYNC, true), (.SQLITE_IOERR_WRITE, true), (.SQLITE_IOERR_READ, true), (.SQLITE_IOERR_TRUNCATE, true),
        (.SQLITE_IOERR_DIR_FSYNC, true), (.SQLITE_IOERR, true), (.SQLITE_IOERR_NOMEM, false), (.SQLITE_IOERR_SHMSIZE, false),
        (.SQLITE_CANTOPEN, false), (.SQLITE_NOMEM, false),
    ]
    @Test(arguments: codes)
    func `a failing device is told from a lack of descriptors or memory`(code: ResultCode, isDevice: Bool) {
        switch SQLiteEngine.reason(for: DatabaseError(resultCode: code, message: "it failed"), path: "p") {
        case .device: #expect(isDevice)
        case .shortage: #expect(!isDevice)
        case let other: Issue.record("\(other)")
        }
    }

    /// The log is empty afterwards: all it held stands synced in the database.
    @Test func `what an earlier process left in the log is made durable before a server builds upon it`() async throws {
        let folder = try TestFolder()
        let first = try await AuthorityStore.open(path: folder.database, now: start)
        let account = try await first.makeAccount()
        // As a kill leaves it: copied while it is open.
        let left = try TestFolder()
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(atPath: folder.database + suffix, toPath: left.database + suffix)
        }
        await first.close()
        func logSize() throws -> Int { try Data(contentsOf: URL(fileURLWithPath: left.database + "-wal")).count }
        #expect(try logSize() > 0)
        let engine = try SQLiteEngine(path: left.database, settling: true)
        #expect(try logSize() == 0)
        let second = try await AuthorityStore.open(engine, path: left.database, lock: nil, mode: .serve, now: start)
        #expect(try await second.account(account.id) == account)
        await second.close()
    }
}
