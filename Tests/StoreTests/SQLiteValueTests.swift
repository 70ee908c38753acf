import TestSupport
import Testing

@testable import Store

/// What goes in comes out, at the edges of each type.
@Suite struct SQLiteValueTests {
    private static let values: [SQLValue] = [
        .null, .integer(.min), .integer(.max), .text(""), .text("a\0b"), .text("ä𝄞"),
        .text(String(repeating: "x", count: 100_000)),
        .bytes([]), .bytes([0]), .bytes([UInt8](repeating: 0xFF, count: 100_000)),
    ]

    private func echo(_ sql: String, _ values: [SQLValue]) async throws(StoreError) -> [SQLRow] {
        let store: AuthorityStore
        do { store = try await EngineKind.sqlite.open() } catch { throw .broken("\(error)") }
        let rows = try await store.commit { (session) throws(StoreError) in try session.rows(sql, values) }
        await store.close()
        return rows
    }

    @Test(arguments: values.indices) func `a value comes back as it was bound`(index: Int) async throws {
        let value = Self.values[index]
        #expect(try await echo("SELECT $1, typeof($1)", [value]).first?.values.first == value)
    }

    @Test func `rows come in order`() async throws {
        let rows = try await echo("SELECT $1 UNION ALL SELECT $2", [.text("one"), .bytes([2])])
        #expect(rows == [SQLRow(values: [.text("one")]), SQLRow(values: [.bytes([2])])])
    }

    @Test(arguments: [[], [SQLValue.null, .null]]) func `a wrong number of values is refused`(values: [SQLValue]) async {
        await #expect(throws: StoreError.self) { _ = try await echo("SELECT $1", values) }
    }
}
