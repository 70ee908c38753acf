import ArgumentParser
import Authority
import Foundation
import Store

struct DatabaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "database", abstract: "Bring a database up to date, check it, or copy it to the other engine.",
        discussion: """
            The database is that of the settings, or --database.

              chanceryd database migrate --data ./ca
              chanceryd database check --data ./ca --json
              chanceryd database copy --from sqlite:/var/lib/chancery/chancery.sqlite --to postgresql://chancery@db.example.org/chancery
            """,
        subcommands: [Migrate.self, Check.self, Copy.self])

    struct Migrate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the tables, or bring them up to date, as `serve` would at its start.",
            discussion:
                "  chanceryd database migrate --data ./ca\n  chanceryd database migrate --database postgresql://chancery@db/chancery"
        )
        @OptionGroup var place: DataOptions
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let location = try place.location()
            try await opened(location, .serve) { store in
                let version = try await store.schemaVersion()
                printFacts(
                    [("Database", "database", .string(location.place)), ("Schema", "schema", .number(version))], json: json)
            }
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Look whether every row can be read and has what it refers to; exit code 65 if not. Reads only; a server may run.",
            discussion: "  chanceryd database check --data ./ca\n  chanceryd database check --data ./ca --json")
        @OptionGroup var place: DataOptions
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let location = try place.location()
            try await opened(location, .tool) { store in
                let report = try await store.check { table in if !json { complain("Checking \(table) …") } }
                if json {
                    let rows = report.rows.map { JSONText.object([("table", .string($0.table)), ("rows", .number($0.rows))]) }
                    let findings = report.findings.map {
                        JSONText.object([("table", .string($0.table)), ("rows", .number($0.rows)), ("what", .string($0.what))])
                    }
                    say(JSONText.object([("tables", .array(rows)), ("findings", .array(findings))]).text)
                } else {
                    var table = Table(["TABLE", "ROWS"])
                    for row in report.rows { table.add([row.table, String(row.rows)]) }
                    say(table.text)
                }
                guard report.findings.isEmpty else {
                    let lines = report.findings.map { "\($0.rows) of \($0.table) \($0.what)" }
                    throw Failure(
                        .damagedDatabase,
                        lines.joined(separator: "\n")
                            + "\nIf a server is at work, check once more; if they stay, put a backup back or ask for help with this list."
                    )
                }
                if !json { say("Every row can be read and has what it refers to.") }
            }
        }
    }

    struct Copy: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Copy everything from one database to another, of either engine, and compare the two by counts and digests.",
            discussion: """
                The target is empty, or a copy that was begun before: then only what differs is brought over. Stop the servers of the source
                first; to keep the pause short, run it once with --preliminary while they still work, which brings most of it.

                  chanceryd database copy --preliminary --from sqlite:/var/lib/chancery/chancery.sqlite --to postgresql://chancery@db/chancery
                  chanceryd database copy --from sqlite:/var/lib/chancery/chancery.sqlite --to postgresql://chancery@db/chancery
                  chanceryd database copy --from postgresql://chancery@db/chancery --to sqlite:/var/lib/chancery/chancery.sqlite
                """)
        @OptionGroup var place: DataOptions
        @Option(help: ArgumentHelp("The database to read.", valueName: "URL")) var from: String
        @Option(help: ArgumentHelp("The database to write.", valueName: "URL")) var to: String
        @Flag(help: "The source may be served meanwhile; nothing is compared, and the target stays unfinished.") var preliminary =
            false
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let (source, target) = (try place.location(from), try place.location(to))
            guard source.place != target.place else { throw Failure(.usage, "--from and --to are the same database.") }
            let began = ContinuousClock.now
            try await opened(source, preliminary ? .tool : .source) { source in
                try await opened(target, .target) { target in
                    let copy = DatabaseCopy(from: source, to: target)
                    let copied = try await copy.run(isPreliminary: preliminary) { table, rows in
                        if !json, rows > 0, rows.isMultiple(of: 100_000) { complain("\(table): \(rows) rows …") }
                    }
                    tell(copied, took: began.duration(to: .now))
                }
            }
        }

        private func tell(_ copied: [CopiedTable], took: Duration) {
            if json {
                let tables = copied.map {
                    JSONText.object([
                        ("table", .string($0.name)), ("rows", .number($0.rows)), ("written", .number($0.written)),
                        ("sha256", $0.digest.isEmpty ? .null : .string($0.digest.hexadecimal)),
                    ])
                }
                say(JSONText.object([("verified", .bool(!preliminary)), ("tables", .array(tables))]).text)
                return
            }
            var table = Table(["TABLE", "ROWS", "WRITTEN", "SHA-256"])
            for one in copied {
                table.add([one.name, String(one.rows), String(one.written), String(one.digest.hexadecimal.prefix(16))])
            }
            say(table.text)
            let seconds = String(format: "%.1f", took / .seconds(1))
            say(
                preliminary
                    ? "Brought over in \(seconds) s. Stop the source's servers and run it again without --preliminary."
                    : "Both databases are alike (\(seconds) s). Set `database` in chancery.yaml and start the servers.")
        }
    }
}

/// Opens a database that need not be a data folder's.
private func opened(
    _ location: DatabaseLocation, _ mode: AuthorityStore.Mode, _ body: (AuthorityStore) async throws -> Void
) async throws {
    do {
        let store = try await AuthorityStore.open(location, mode: mode, now: Surroundings.ofThisProcess.now())
        do { try await body(store) } catch {
            await store.close()
            throw error
        }
        await store.close()
    } catch StoreError.conflict(let what) {
        throw Failure(.failure, what.prefix(1).uppercased() + what.dropFirst() + ".")
    } catch let error as StoreError {
        throw Failure(error)
    }
}

extension DataOptions {
    /// The database that flags and settings choose.
    fileprivate func location(_ text: String? = nil) throws(Failure) -> DatabaseLocation {
        let folder = DataFolder(path: try self.folder)
        let loaded = try loadSettings(folder.path, flags: flags)
        try loaded.requireFaultless()
        let environment = ProcessInfo.processInfo.environment
        guard let text else { return try databaseLocation(loaded.settings, folder, environment: environment) }
        return try databaseLocation(text, loaded.settings, folder, environment: environment)
    }
}

extension [UInt8] {
    fileprivate var hexadecimal: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
