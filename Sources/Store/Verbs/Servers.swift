package import Foundation

/// A server as it writes itself down for the others.
package struct StoredServer: Sendable, Equatable {
    /// Chosen anew by each process; also the owner of its leases.
    package var id: String
    /// For people: the machine and the process.
    package var name: String
    /// Under which URL it serves; the same for all, or clients get lost.
    package var url: String
    package var started: Date
    /// Rises while it lives. Whoever watches counts by his own clock how long it stood still, so that clocks need not agree.
    package var beat: Int64

    package init(id: String, name: String, url: String, started: Date, beat: Int64 = 0) {
        (self.id, self.name, self.url, self.started, self.beat) = (id, name, url, started, beat)
    }
}

extension AuthorityStore {
    /// Writes a server down, or again after it was struck off.
    package func join(_ server: StoredServer) async throws(StoreError) {
        try await commitLightly { (sql) throws(StoreError) in
            try sql.run(
                """
                INSERT INTO servers (id, name, url, started, beat) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (id) DO UPDATE SET beat = servers.beat + 1
                """,
                [server.id.sql, server.name.sql, server.url.sql, server.started.sql, server.beat.sql])
        }
    }

    /// One sign of life, and all who are written down.
    /// - Returns: nil for the servers when this one is not among them: it was thought dead and its work given away.
    package func beat(_ server: String) async throws(StoreError) -> [StoredServer]? {
        try await commitLightly { (sql) throws(StoreError) in
            guard try sql.run("UPDATE servers SET beat = beat + 1 WHERE id = $1", [server.sql]) == 1 else { return nil }
            return try Self.servers(sql)
        }
    }

    package func servers() async throws(StoreError) -> [StoredServer] {
        try await read { (sql) throws(StoreError) in try Self.servers(sql) }
    }

    /// Strikes off a server that has shown no sign of life since `beat`, and frees at once what it had in hand.
    /// - Returns: false when it lives after all, or another has struck it off.
    @discardableResult
    package func bury(_ server: String, beat: Int64, now: Date) async throws(StoreError) -> Bool {
        try await commit { (sql) throws(StoreError) in
            let struckOff = try sql.run("DELETE FROM servers WHERE id = $1 AND beat = $2", [server.sql, beat.sql])
            guard struckOff == 1 else { return false }
            try Self.release(server, now, sql)
            return true
        }
    }

    /// A server that ends strikes itself off; others may have its work at once.
    package func leave(_ server: String, now: Date) async throws(StoreError) {
        try await commit { (sql) throws(StoreError) in
            try sql.run("DELETE FROM servers WHERE id = $1", [server.sql])
            try Self.release(server, now, sql)
        }
    }

    private static func release(_ owner: String, _ now: Date, _ sql: any Session) throws(StoreError) {
        for sort in WorkItem.Sort.allCases {
            try sql.run("UPDATE work SET owner = '', due = $1 WHERE sort = $2 AND owner = $3", [now.sql, sort.sql, owner.sql])
        }
        for duty in Duty.all { try sql.run("UPDATE duties SET until = 0 WHERE name = $1 AND owner = $2", [duty.sql, owner.sql]) }
    }

    private static func servers(_ sql: any Session) throws(StoreError) -> [StoredServer] {
        try sql.rows("SELECT id, name, url, started, beat FROM servers WHERE id > $1 ORDER BY id", ["".sql])
            .map { (row) throws(StoreError) in
                StoredServer(
                    id: try row.text(0), name: try row.text(1), url: try row.text(2), started: try row.time(3),
                    beat: try row.integer(4))
            }
    }
}
