import ACME
import Foundation
import GRDB
import Testing

@testable import Store

struct OpeningTests {
    @Test func `the open writer reads back full durability`() async throws {
        let folder = try TestFolder()
        let store = try await AuthorityStore.open(path: folder.database, now: start)
        let level = try await store.commit { (sql) throws(StoreError) in try sql.row("PRAGMA synchronous", [])?.integer(0) }
        #expect(level == 2)
        let mode = try await store.commit { (sql) throws(StoreError) in try sql.row("PRAGMA journal_mode", [])?.text(0) }
        #expect(mode == "wal")
        await store.close()
    }

    @Test func `a second server on the folder is refused in one sentence that names it`() async throws {
        let folder = try TestFolder()
        let store = try await AuthorityStore.open(path: folder.database, now: start)
        await #expect(throws: StoreError.inUse(folder: folder.path)) {
            _ = try await AuthorityStore.open(path: folder.database, now: start)
        }
        #expect("\(StoreError.inUse(folder: folder.path))".contains(folder.path))
        await store.close()
    }

    @Test func `the folder is free again once the store is closed`() async throws {
        let folder = try TestFolder()
        let store = try await AuthorityStore.open(path: folder.database, now: start)
        await store.close()
        let again = try await AuthorityStore.open(path: folder.database, now: start)
        await again.close()
    }

    @Test func `a tool reads and writes beside the server`() async throws {
        let folder = try TestFolder()
        let server = try await AuthorityStore.open(path: folder.database, now: start)
        let account = try await server.makeAccount()
        let tool = try await AuthorityStore.open(path: folder.database, mode: .tool, now: start)
        #expect(try await tool.account(account.id) == account)
        try await tool.deactivateAccount(account.id)
        #expect(try await server.account(account.id)?.status == .deactivated)
        await tool.close()
        let other = try await server.makeAccount()
        #expect(try await server.account(other.id) == other)
        await server.close()
    }

    @Test func `a tool makes no database`() async throws {
        let folder = try TestFolder()
        await #expect(throws: StoreError.missing(path: folder.database)) {
            _ = try await AuthorityStore.open(path: folder.database, mode: .tool, now: start)
        }
        #expect(!FileManager.default.fileExists(atPath: folder.database))
    }

    @Test func `what was written is there after opening again`() async throws {
        let folder = try TestFolder()
        let account: StoredAccount = try await {
            let store = try await AuthorityStore.open(path: folder.database, now: start)
            let account = try await store.makeAccount()
            await store.close()
            return account
        }()
        let store = try await AuthorityStore.open(path: folder.database, now: start)
        #expect(try await store.account(account.id) == account)
        await store.close()
    }

    @Test(arguments: [AuthorityStore.Mode.serve, .tool])
    func `a newer schema is refused`(mode: AuthorityStore.Mode) async throws {
        let folder = try TestFolder()
        try await {
            let store = try await AuthorityStore.open(path: folder.database, now: start)
            _ = try await store.commit { (sql) throws(StoreError) in
                try sql.run("INSERT INTO migrations (version, name, applied) VALUES (99, 'later', 0)", [])
            }
            await store.close()
        }()
        await #expect(throws: StoreError.newerSchema(found: 99, known: Schema.migrations.count)) {
            _ = try await AuthorityStore.open(path: folder.database, mode: mode, now: start)
        }
    }

    @Test func `a tool does not migrate`() async throws {
        let folder = try TestFolder()
        try Data().write(to: URL(fileURLWithPath: folder.database))
        await #expect(throws: StoreError.olderSchema(found: 0, known: Schema.migrations.count)) {
            _ = try await AuthorityStore.open(path: folder.database, mode: .tool, now: start)
        }
    }

    @Test(arguments: [AuthorityStore.Mode.serve, .tool])
    func `a file that is no database is refused by name`(mode: AuthorityStore.Mode) async throws {
        let folder = try TestFolder()
        try Data(repeating: 0x41, count: 8192).write(to: URL(fileURLWithPath: folder.database))
        let error = await #expect(throws: StoreError.self) {
            _ = try await AuthorityStore.open(path: folder.database, mode: mode, now: start)
        }
        guard case .corrupt(let path, _) = error else { Issue.record("\(String(describing: error))"); return }
        #expect(path == folder.database)
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.database)).count == 8192)
    }

    @Test func `another program's database is refused and left alone`() async throws {
        let folder = try TestFolder()
        let foreign = try DatabaseQueue(path: folder.database)
        try await foreign.write { try $0.execute(sql: "CREATE TABLE recipes (name TEXT)") }
        try foreign.close()
        await #expect(throws: StoreError.corrupt(path: folder.database, reason: "it belongs to another program")) {
            _ = try await AuthorityStore.open(path: folder.database, now: start)
        }
    }

    @Test func `the files are private`() async throws {
        let folder = try TestFolder()
        let store = try await AuthorityStore.open(path: folder.database, now: start)
        _ = try await store.makeAccount()
        for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            let mode = try FileManager.default.attributesOfItem(atPath: folder.path + "/" + file)[.posixPermissions] as? Int
            #expect(mode == 0o600, "\(file)")
        }
        await store.close()
    }

    @Test func `a folder that is not there is named`() async throws {
        let folder = try TestFolder()
        let error = await #expect(throws: StoreError.self) {
            _ = try await AuthorityStore.open(path: folder.path + "/no/db", now: start)
        }
        #expect(error.map { "\($0)".contains(folder.path) } == true)
    }
}
