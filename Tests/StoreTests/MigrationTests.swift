import ACME
import Foundation
import Testing

@testable import Store

struct MigrationTests {
    /// What the first schema held is listed, counted and found by the present one.
    @Test func `revocations from before the counting are listed and counted, and make one list due`() async throws {
        let folder = try TestFolder()
        let engine = try SQLiteEngine(path: folder.database)
        let revoked = (0..<3).map { _ in signed(anyIntent(nil)) }
        let queue = CommitQueue(engine)
        try await queue.commit { (sql) throws(StoreError) in try makeFoundation(sql, revoked) }
        await queue.close()
        engine.close()
        let store = try await AuthorityStore.open(path: folder.database, now: start)
        #expect(Set(try await store.listed("issuer").map(\.serial)) == Set(revoked.map(\.serial)))
        let state = try await store.publicationState(issuer: "issuer")
        #expect(state.revocations == 3 && state.newest?.number == 5 && state.newest?.revocations == 0)
        #expect(try await store.counts().certificates == 3)
        await store.close()
    }
}

/// The first schema, with these certificates revoked at `start` and a list made then.
private func makeFoundation(_ sql: any Session, _ revoked: [StoredCertificate]) throws(StoreError) {
    try sql.run("CREATE TABLE migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied BIGINT NOT NULL)", [])
    try sql.run("INSERT INTO migrations (version, name, applied) VALUES (1, 'foundation', 0)", [])
    for statement in Schema.migrations[0].statements { try sql.run(statement, []) }
    for one in revoked {
        try sql.run(
            """
            INSERT INTO certificates (id, issuer, serial, der, key_hash, identifiers, not_before, not_after, created)
            VALUES ($1, $2, $3, $4, $5, '', 0, $6, 0)
            """,
            [one.id.sql, one.issuer.sql, one.serial.sql, one.der.sql, one.keyHash.sql, one.notAfter.sql])
        try sql.run(
            "INSERT INTO revocations (certificate, issuer, serial, revoked, not_after) VALUES ($1, $2, $3, $4, $5)",
            [one.id.sql, one.issuer.sql, one.serial.sql, start.sql, one.notAfter.sql])
    }
    try sql.run(
        "INSERT INTO crls (issuer, number, der, this_update, next_update) VALUES ('issuer', 5, $1, $2, $3)",
        [[UInt8]([1]).sql, start.sql, start.addingTimeInterval(day).sql])
}
