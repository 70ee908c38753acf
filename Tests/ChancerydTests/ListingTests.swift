import ACME
import Foundation
import Store
import TestSupport
import Testing

@testable import chanceryd

/// Lists longer than one page, printed by the built program.
struct ListingTests {
    /// A finished folder whose database holds this many accounts.
    private func folder(accounts: Int) async throws -> TemporaryFolder {
        let place = try TemporaryFolder()
        let server = try RunningProgram(
            Program.built("chanceryd"),
            ["serve", "--data", place.path("ca"), "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"],
            environment: [:], log: place.path("log"))
        try await server.printed("Ready:")
        #expect(try await server.stop() == 0)
        let store = try await AuthorityStore.open(path: place.path("ca/chancery.sqlite"), mode: .tool, now: Date())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<accounts {
                group.addTask {
                    _ = try await store.createAccount(
                        StoredAccount(
                            id: RecordID(at: Date(), random: UInt64(number)), key: SigningKey(.p256).jwk,
                            contacts: ["mailto:person\(number)@a.example"], agreedTerms: nil, created: Date()))
                }
            }
            try await group.waitForAll()
        }
        await store.close()
        return place
    }

    @Test func `a list of several pages is one JSON array or one table, and a limit cuts it anywhere`() async throws {
        let place = try await folder(accounts: 1_203)
        func list(_ arguments: String...) async throws -> String {
            try await Program.succeed(
                Program.built("chanceryd"), ["account", "list", "--data", place.path("ca")] + arguments)
        }
        for (limit, count) in [(nil, 1_203), (0, 0), (1, 1), (500, 500), (501, 501), (1_203, 1_203), (5_000, 1_203)] {
            let cut = limit.map { ["--limit", "\($0)"] } ?? []
            let text = try await Program.succeed(
                Program.built("chanceryd"), ["account", "list", "--json", "--data", place.path("ca")] + cut)
            let rows = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
            #expect(rows.count == count && Set(rows.compactMap { $0["id"] as? String }).count == count)
        }
        let lines = try await list().split(separator: "\n")
        #expect(lines.count == 1_204 && lines[0].hasPrefix("ID") && lines.filter { $0.hasPrefix("ID") }.count == 1)
        #expect(try await list("--limit", "500").split(separator: "\n").count == 501)
    }
}
