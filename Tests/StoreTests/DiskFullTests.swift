import ACME
import Foundation
import Testing

@testable import Store

/// A file system of 2 MiB, unmounted with its last reference.
final class SmallDisk: Sendable {
    let path: String

    /// Nil without the right to mount.
    init?() {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("disk-\(UUID().uuidString)").path
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard geteuid() == 0, mount("tmpfs", path, "tmpfs", 0, "size=2m") == 0 else {
            try? FileManager.default.removeItem(atPath: path)
            return nil
        }
    }

    deinit {
        umount2(path, Int32(MNT_DETACH))
        try? FileManager.default.removeItem(atPath: path)
    }
}

@Suite(.timeLimit(.minutes(2)))
struct DiskFullTests {
    @Test(.enabled(if: SmallDisk() != nil, "mounting needs root"))
    func `a full disk is said, loses nothing acknowledged, and is survived`() async throws {
        let disk = try #require(SmallDisk())
        let ballast = disk.path + "/ballast"
        try Data(repeating: 1, count: 1_000_000).write(to: URL(fileURLWithPath: ballast))
        let path = disk.path + "/chancery.sqlite"
        let store = try await AuthorityStore.open(path: path, now: start)
        var acknowledged: [StoredAccount] = []
        var failures: [StoreError] = []
        while failures.count < 20 {
            do { acknowledged.append(try await store.makeAccount()) } catch let error as StoreError { failures.append(error) }
        }
        #expect(failures.allSatisfy { $0 == .full(path: path) }, "\(failures)")
        #expect(acknowledged.count > 10)
        // Reading goes on.
        #expect(try await store.account(acknowledged[0].id) == acknowledged[0])

        try FileManager.default.removeItem(atPath: ballast)
        for _ in 0..<20 { acknowledged.append(try await store.makeAccount()) }
        await store.close()

        let tool = try await AuthorityStore.open(path: path, mode: .tool, now: start)
        #expect(try await tool.accounts(limit: 100_000).count == acknowledged.count)
        for account in acknowledged { #expect(try await tool.account(account.id) == account) }
        let check = try await tool.commit { (sql) throws(StoreError) in try sql.row("PRAGMA integrity_check", [])?.text(0) }
        #expect(check == "ok")
        await tool.close()
    }
}
