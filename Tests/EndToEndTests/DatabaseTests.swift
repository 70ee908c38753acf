import Foundation
import TestSupport
import Testing

/// An authority moves to PostgreSQL and back with the built program, as docs/operator-guide.md tells it.
@Suite(.serialized, .enabled(if: PostgreSQLServer.programs != nil)) struct DatabaseTests {
    /// What `database copy --json` tells.
    private struct Copied: Decodable {
        struct Table: Decodable {
            var table: String
            var rows: Int
            var written: Int
            var sha256: String?
        }
        var verified: Bool
        var tables: [Table]
        var digests: [String: String] { Dictionary(uniqueKeysWithValues: tables.map { ($0.table, $0.sha256 ?? "") }) }
        func rows(_ table: String) -> Int { tables.first { $0.table == table }?.rows ?? -1 }
        func written(_ table: String) -> Int { tables.first { $0.table == table }?.written ?? -1 }
    }

    /// An empty database of its own in the tests' server.
    private func database() async throws -> (server: PostgreSQLServer, name: String, url: String) {
        let server = try await PostgreSQLServer.shared()
        let name = "moved\(UInt32.random(in: 0 ... .max))"
        try await server.run("CREATE DATABASE \(name)")
        return (server, name, server.url(database: name))
    }

    private func copy(_ authority: TestAuthority, from: String, to: String) async throws -> Copied {
        let outcome = try await authority.command("database", "copy", "--json", "--from", from, "--to", to)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return try JSONDecoder().decode(Copied.self, from: Data(outcome.output.utf8))
    }

    private func issueSome(_ load: WitnessedLoad) async throws {
        let goal = load.count + 6
        load.begin()
        try await eventually("certificates", limit: 60) { load.count >= goal }
        await load.end()
    }

    @Test func `an authority moves to PostgreSQL and back, though the copy is killed on its way, and nothing is lost or renamed`()
        async throws
    {
        let authority = try await TestAuthority(names: NameServer())
        let load = try await WitnessedLoad(authority)
        try await issueSome(load)
        #expect(try await authority.stop() == 0)
        let (server, name, url) = try await database()
        let command = ["database", "copy", "--data", authority.data, "--from", "sqlite:chancery.sqlite", "--to", url]

        #expect(try await authority.command("database", "migrate", "--database", url).status == 0)
        // Whoever holds this lock keeps the copy waiting between two tables.
        let holder = try RunningProgram(
            "psql", ["-XAtq", "-d", url, "-c", "BEGIN; LOCK orders IN EXCLUSIVE MODE; SELECT pg_sleep(300)"],
            log: authority.folder.path("holder.log"))
        try await eventually("the lock") {
            try await server.run(
                "SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation = 'orders'::regclass", database: name)
                == "1\n"
        }
        let killed = try RunningProgram(Program.built("chanceryd"), command, log: authority.folder.path("copy.log"))
        try await eventually("half a copy", limit: 60) {
            try await server.run("SELECT count(*) >= \(load.count) FROM certificates", database: name) == "t\n"
        }
        #expect(try await killed.stop(SIGKILL) == SIGKILL)
        try await server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(name)'")
        _ = try await holder.ended()
        let early = try await authority.command("serve", "--database", url)
        #expect(early.status == 86 && early.errors.contains("chanceryd database copy"), "\(early.status): \(early.errors)")

        let there = try await copy(authority, from: "sqlite:chancery.sqlite", to: url)
        #expect(there.verified && there.rows("certificates") > load.count)
        #expect(there.written("certificates") == 0)
        #expect(try await authority.command("database", "check", "--database", url).status == 0)
        authority.flags = ["--database", url]
        try await authority.start()
        try await issueSome(load)
        #expect(try await authority.stop() == 0)
        let onServer = try await load.check(database: url)
        #expect(onServer.status == 0, "\(onServer.output)")

        let file = authority.folder.path("back.sqlite")
        let back = try await copy(authority, from: url, to: "sqlite:\(file)")
        #expect(back.verified && back.rows("certificates") >= there.rows("certificates") + 6)
        #expect(back.tables.allSatisfy { $0.sha256?.count == 64 })
        #expect(back.digests["issuers"] == there.digests["issuers"] && back.digests["orders"] != there.digests["orders"])
        #expect(try await authority.command("database", "check", "--database", "sqlite:\(file)").status == 0)
        authority.flags = ["--database", "sqlite:\(file)"]
        try await authority.start()
        try await issueSome(load)
        #expect(try await authority.stop() == 0)
        let atHome = try await load.check("--settled", database: file)
        #expect(atHome.status == 0, "\(atHome.output)")
    }

    @Test func `what a database command cannot do it says in one sentence, without a password in it`() async throws {
        let authority = try await TestAuthority()
        #expect(try await authority.stop() == 0)
        let (server, name, url) = try await database()
        let own = "sqlite:\(authority.data)/chancery.sqlite"
        #expect(try await authority.command("database", "copy", "--from", own, "--to", url).status == 0)
        let secret = url.replacing("//", with: "//someone:geheim@", maxReplacements: 1)
        let cases: [(arguments: [String], status: Int32, words: String)] = [
            (["check", "--database", secret], 78, "database-password-file"),
            (["copy", "--from", own, "--to", "\(url)&password=geheim"], 78, "database-password-file"),
            (["copy", "--from", own, "--to", "\(url)&geheim=1"], 78, "invalid URI query parameter"),
            (["check", "--database", "postgresql://127.0.0.1:1/x"], 85, "Connection refused"),
            (["check", "--database", server.url(database: "nosuch")], 86, "CREATE DATABASE"),
            (["check", "--database", "sqlite:/nosuch/a.sqlite"], 66, "There is no database"),
            (["copy", "--from", own, "--to", "sqlite:/nosuch/a.sqlite"], 86, "there is no folder /nosuch"),
            (["copy", "--from", own, "--to", own], 64, "the same database"),
            (["copy", "--from", own, "--to", url], 1, "copy into a new database"),
            (["check", "--database", server.url()], 82, "chanceryd database migrate"),
        ]
        for (arguments, status, words) in cases {
            let outcome = try await Program.run(
                Program.built("chanceryd"), ["database"] + arguments + ["--data", authority.data])
            let said = outcome.errors.split(separator: "\n").filter { !$0.hasPrefix("Checking ") }
            #expect(outcome.status == status && said.count == 1, "\(arguments): \(outcome.status) \(outcome.errors)")
            #expect(said.last?.contains(words) == true, "\(arguments): \(outcome.errors)")
            #expect(!outcome.errors.contains("someone") && !outcome.errors.contains("=geheim"), "\(outcome.errors)")
        }
        try await server.run(
            "UPDATE certificates SET identifiers = 'x'; INSERT INTO migrations VALUES (99, 'later', 0)", database: name)
        for command in ["check", "migrate"] {
            #expect(try await authority.command("database", command, "--database", url).status == 84)
        }
        try await server.run("DELETE FROM migrations WHERE version = 99", database: name)
        let damaged = try await authority.command("database", "check", "--database", url)
        #expect(damaged.status == 65 && damaged.errors.contains("1 of certificates cannot be read"), "\(damaged.errors)")
    }

    @Test func `a server that starts where another died while it made a list serves at once, and makes the list itself soon`()
        async throws
    {
        let (server, name, url) = try await database()
        let authority = try await TestAuthority()
        #expect(try await authority.stop() == 0)
        authority.flags = ["--database", url]
        try await authority.start()
        try await authority.stop(SIGKILL)
        try await server.run(
            """
            INSERT INTO servers (id, name, url, started, beat) VALUES ('gone', 'gone', 'http://gone.example', 0, 0);
            INSERT INTO duties (name, owner, fence, until) VALUES ('publish', 'gone', 9, 9000000000000000)
            ON CONFLICT (name) DO UPDATE SET owner = 'gone', fence = 9, until = 9000000000000000;
            INSERT INTO revocation_counts (issuer, number) SELECT id, 1 FROM issuers
            """, database: name)
        let lists = "SELECT max(number) FROM crls"
        let before = try await server.run(lists, database: name)
        // Were the dead one's lease waited for, this would take years.
        try await authority.start()
        try await eventually("a list of its own", limit: 60) { try await server.run(lists, database: name) != before }
        #expect(try await authority.stop() == 0)
    }
}
