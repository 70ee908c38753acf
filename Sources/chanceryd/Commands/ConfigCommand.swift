import ArgumentParser

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Look at the settings.",
        discussion: """
            Settings come from DIR/chancery.yaml, the environment and flags, in rising precedence.

              chanceryd config show --data ./ca
              CHANCERY_LISTEN=127.0.0.1:9443 chanceryd config show --data ./ca --json
              chanceryd config check --data ./ca
              chanceryd config reference > configuration.md
            """,
        subcommands: [Check.self, Show.self, Reference.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Name every fault in the settings, one a line; exit code 78 if there is one.",
            discussion: "  chanceryd config check --data ./ca\n  chanceryd config check --data ./ca --listen 127.0.0.1:9443")
        @OptionGroup var place: DataOptions
        @OptionGroup(title: "Settings") var flags: SettingFlags
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            let faults = try loadSettings(place.folder, flags: place.flags + flags.given).faults
            if json {
                let items = faults.map {
                    JSONText.object([
                        ("place", .string($0.place)), ("message", .string($0.message)), ("remedy", .string($0.remedy)),
                    ])
                }
                say(JSONText.object([("valid", .bool(faults.isEmpty)), ("faults", .array(items))]).text)
                if !faults.isEmpty { throw Failure(.configuration, "") }
            }
            guard faults.isEmpty else { throw Failure(.configuration, faults.map(\.description).joined(separator: "\n")) }
            if !json { say("The settings are in order.") }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the effective settings and where each comes from.",
            discussion: "  chanceryd config show --data ./ca\n  chanceryd config show --data ./ca --json")
        @OptionGroup var place: DataOptions
        @OptionGroup(title: "Settings") var flags: SettingFlags
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            let loaded = try effectiveSettings(place, flags: flags)
            say(json ? loaded.json.text : loaded.table.text)
        }
    }

    struct Reference: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print docs/configuration.md: every key with type, range, default, variable and flag.",
            discussion: "  chanceryd config reference > configuration.md\n  chanceryd config reference --exit-codes")
        @Flag(help: "Print the table of exit codes instead.") var exitCodes = false

        func run() { writeWhole(exitCodes ? exitCodeTable() : settingsReference(), to: 1) }
    }
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the version.", discussion: "  chanceryd version\n  chanceryd version --json")
    @Flag(help: "Print JSON.") var json = false

    func run() { say(json ? JSONText.object([("version", .string(chanceryVersion))]).text : "chanceryd \(chanceryVersion)") }
}

extension LoadedSettings {
    /// Value as shown, origin, by key; a secret is only told to be set.
    private var rows: [(setting: Setting, values: [String], origin: String)] {
        Setting.all.map { setting in
            let values = setting.show(settings)
            let shown = setting.isSecret && !values.isEmpty ? ["(set, not shown)"] : values
            return (setting, shown, origin(setting.name).description)
        }
    }

    var table: Table {
        var table = Table(["KEY", "VALUE", "FROM"])
        for row in rows {
            table.add([
                row.setting.name,
                row.values.isEmpty ? "(\(row.setting.byDefault.replacing("`", with: "")))" : row.values.joined(separator: ", "),
                row.origin,
            ])
        }
        return table
    }

    var json: JSONText {
        .object(
            rows.map { row in
                let value: JSONText =
                    row.setting.isList ? .array(row.values.map { .string($0) }) : row.values.first.map { .string($0) } ?? .null
                return (row.setting.name, .object([("value", value), ("from", .string(row.origin))]))
            })
    }
}
