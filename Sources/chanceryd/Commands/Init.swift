import ArgumentParser
import Authority
import Foundation
import Signing
import Store

struct Init: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make an authority in the data folder without serving it.",
        discussion: """
            Makes a root and an intermediate, an empty database and a commented chancery.yaml. `serve` on an empty folder does the same
            with the defaults. An interrupted run is completed by the next one, with the choices of the first.

              chanceryd init --data ./ca
              chanceryd init --data ./ca --name "Example" --organisation "Example Ltd" --key-type p384
              chanceryd init --data ./ca --permit corp.example --permit example.internal
              chanceryd init --data ./ca --passphrase-credential ca-passphrase
            """)

    @OptionGroup var place: DataOptions
    @Option(help: "The authority's name, the beginning of its certificates' common names (default: authority-name).") var name:
        String?
    @Option(help: "The organisation in root and intermediate (default: organisation).") var organisation: String?
    @Option(help: "The kind of both keys.") var keyType: KeyType = .p256
    @Option(help: ArgumentHelp("How long the root is valid.", valueName: "DURATION")) var rootLifetime = "20y"
    @Option(help: ArgumentHelp("How long the intermediate is valid.", valueName: "DURATION")) var intermediateLifetime = "10y"
    @Option(
        name: .customLong("permit"), parsing: .singleValue,
        help: ArgumentHelp(
            "Certificates only for this domain and what is below it (name constraint). Repeatable.", valueName: "NAME"))
    var permitted: [String] = []
    @Option(help: ArgumentHelp("Where the intermediate's passphrase lies, now and at every start.", valueName: "FILE"))
    var passphraseFile: String?
    @Option(help: ArgumentHelp("The variable that holds it.", valueName: "VARIABLE")) var passphraseEnv: String?
    @Option(help: ArgumentHelp("The systemd credential that holds it.", valueName: "NAME")) var passphraseCredential: String?
    @Option(
        help: ArgumentHelp(
            "Where the root's passphrase lies, or CHANCERY_ROOT_PASSPHRASE (default: one is made, in DIR/root/passphrase).",
            valueName: "FILE"))
    var rootPassphraseFile: String?
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let folder = DataFolder(path: try place.folder)
        guard try folder.state() != .complete else {
            throw Failure(.unchanged, "\(folder.path) holds an authority already; nothing was changed.")
        }
        var flags: [(name: String, flag: String, values: [String])] = []
        let chosen: [(String, String?)] = [
            ("authority-name", name), ("organisation", organisation), ("passphrase-file", passphraseFile.map(absolute)),
            ("passphrase-env", passphraseEnv), ("passphrase-credential", passphraseCredential),
        ]
        for (name, value) in chosen { if let value { flags.append((name, "--\(name)", [value])) } }
        let loaded = try loadSettings(folder.path, flags: flags)
        try loaded.requireFaultless()

        var plan = CeremonyPlan(loaded.settings)
        plan.keyType = keyType.rawValue
        plan.rootLifetime = try duration(rootLifetime, of: "--root-lifetime", 86_400...(50 * 31_536_000))
        plan.intermediateLifetime = try duration(intermediateLifetime, of: "--intermediate-lifetime", 86_400...(50 * 31_536_000))
        plan.permitted = permitted.map { $0.lowercased() }
        for flag in flags { plan.settings[flag.name] = flag.values }
        try plan.check()
        try makeFolder(folder.path)
        let lock = try FolderLock(folder.path)
        let outcome = try await setUp(folder, plan, loaded.settings, rootPassphraseFile: rootPassphraseFile)
        if json {
            let files = outcome.made.map { JSONText.object([("path", .string($0.path)), ("what", .string($0.what))]) }
            say(JSONText.object([("folder", .string(folder.path)), ("made", .array(files))]).text)
        } else {
            for line in outcome.lines(folder) { say(line) }
            say("Start it with: chanceryd serve --data \(folder.path)")
        }
        lock.release()
    }
}

extension KeyType: ExpressibleByArgument {}

private func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
}

/// Root, intermediate, settings file and database; what is there already is kept. The caller holds the folder's lock.
func setUp(
    _ folder: DataFolder, _ plan: CeremonyPlan, _ settings: Settings, rootPassphraseFile: String? = nil
) async throws -> Ceremony.Outcome {
    let environment = ProcessInfo.processInfo.environment
    var ceremony = Ceremony(
        folder: folder, now: Surroundings.ofThisProcess.now,
        random: { count in
            var generator = SystemRandomNumberGenerator()
            return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        })
    do throws(SigningError) {
        if let rootPassphraseFile {
            ceremony.rootPassphrase = try PassphraseSource.file(rootPassphraseFile).passphrase(environment: environment)
        } else if environment["CHANCERY_ROOT_PASSPHRASE"]?.isEmpty == false {
            ceremony.rootPassphrase = try PassphraseSource.environment("CHANCERY_ROOT_PASSPHRASE").passphrase(
                environment: environment)
        }
        let source = PassphraseSource(settings, folder, environment)
        if source != .file(folder.intermediatePassphrase) {
            ceremony.intermediatePassphrase = try source.passphrase(environment: environment)
        }
    } catch {
        throw Failure(error)
    }
    var outcome = try await ceremony.run(plan)
    if !exists(folder.database) {
        do throws(StoreError) {
            let store = try await AuthorityStore.open(path: folder.database, mode: .serve, now: Surroundings.ofThisProcess.now())
            await store.close()
        } catch {
            throw Failure(error)
        }
        outcome.made.append((folder.database, "the database: accounts, orders, certificates; back it up"))
    }
    return outcome
}

extension PassphraseSource {
    /// Where the intermediate's passphrase is: the place that the settings name, else the variable, the credential of the usual name,
    /// or the file in the data folder.
    init(_ settings: Settings, _ folder: DataFolder, _ environment: [String: String]) {
        if let file = settings.passphraseFile {
            self = .file(file)
        } else if let name = settings.passphraseEnvironment {
            self = .environment(name)
        } else if let name = settings.passphraseCredential {
            self = .credential(name)
        } else if settings.intermediatePassphrase != nil {
            self = .environment("CHANCERY_INTERMEDIATE_PASSPHRASE")
        } else if let credentials = environment["CREDENTIALS_DIRECTORY"], exists("\(credentials)/intermediate-passphrase") {
            self = .credential("intermediate-passphrase")
        } else {
            self = .file(folder.intermediatePassphrase)
        }
    }
}

extension CeremonyPlan {
    /// What the settings say about names.
    init(_ settings: Settings) {
        self.init()
        name = settings.authorityName
        organisation = settings.organisation
    }
}

extension Ceremony.Outcome {
    /// For a person: what was made, where, and what to do about it.
    func lines(_ folder: DataFolder) -> [String] {
        guard !made.isEmpty else { return [] }
        var lines = ["Made a certificate authority in \(folder.path):"]
        let width = made.map(\.path.count).max() ?? 0
        for (path, what) in made { lines.append("  \(path)\(String(repeating: " ", count: width - path.count))  \(what)") }
        if made.contains(where: { $0.path == folder.rootFolder }) {
            let both = rootPassphraseIsBeside ? "the root's key and its passphrase: move both" : "the root's key: move it"
            lines.append("\(folder.rootFolder) holds \(both) to another place now. The server never needs the root's key.")
        }
        return lines
    }
}
