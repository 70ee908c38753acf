import ACME
import ArgumentParser
import Foundation

/// `--data DIR` and `--database URL`, on every command that needs them.
struct DataOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("The data folder (or CHANCERY_DATA; otherwise \(Self.usual)).", valueName: "DIR"))
    var data: String?

    @Option(name: .long, help: SettingFlags.help("database"))
    var database: String?

    /// In the settings reader's form.
    var flags: [(name: String, flag: String, values: [String])] {
        database.map { [(name: "database", flag: "--database", values: [$0])] } ?? []
    }

    static let usual = "/var/lib/chancery"

    /// Absolute, without a trailing slash.
    var folder: String {
        get throws(Failure) {
            let given =
                data ?? ProcessInfo.processInfo.environment["CHANCERY_DATA"].flatMap { $0.isEmpty ? nil : $0 } ?? Self.usual
            guard !given.isEmpty, !given.utf8.contains(0) else {
                throw Failure(.usage, "--data names no folder; give it a path.")
            }
            return URL(fileURLWithPath: given).standardizedFileURL.path
        }
    }
}

/// The settings that have flags of their own, and `--set` for the rest.
struct SettingFlags: ParsableArguments {
    @Option(name: .customLong("listen"), help: help("listen")) var listen: String?
    @Option(name: .customLong("http-listen"), help: help("http-listen")) var httpListen: String?
    @Option(name: .customLong("metrics-listen"), help: help("metrics-listen")) var metricsListen: String?
    @Option(name: .customLong("plain-listen"), help: help("plain-listen")) var plainListen: String?
    @Option(name: .customLong("external-url"), help: help("external-url")) var externalURL: String?
    @Option(name: .customLong("http01-port"), help: help("http01-port")) var http01Port: String?
    @Option(name: .customLong("tls-alpn01-port"), help: help("tls-alpn01-port")) var tlsALPN01Port: String?
    @Option(name: .customLong("resolver"), parsing: .singleValue, help: help("resolver")) var resolver: [String] = []
    @Option(name: .customLong("allow-address"), parsing: .singleValue, help: help("allow-address")) var allowAddress: [String] =
        []
    @Option(name: .customLong("tls-certificate"), help: help("tls-certificate")) var tlsCertificate: String?
    @Option(name: .customLong("tls-key"), help: help("tls-key")) var tlsKey: String?
    @Option(name: .customLong("log-format"), help: help("log-format")) var logFormat: String?
    @Option(name: .customLong("log-level"), help: help("log-level")) var logLevel: String?
    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp("Any other setting; `chanceryd config reference` lists them. Repeatable.", valueName: "KEY=VALUE"))
    var others: [String] = []

    static func help(_ name: String) -> ArgumentHelp {
        guard let setting = Setting.named(name) else { return ArgumentHelp("") }
        let sentence = setting.doc.prefix { $0 != "." } + "."
        let value = setting.type.replacing("list of ", with: "").uppercased().replacing(" ", with: "-")
        return ArgumentHelp(
            "\(sentence)\(setting.isList ? " Repeatable." : "") (default: \(setting.byDefault))".replacing("`", with: ""),
            valueName: value == "HOST-OR-HOST:PORT" ? "HOST:PORT" : value)
    }

    /// In the reader's form.
    var given: [(name: String, flag: String, values: [String])] {
        get throws(Failure) {
            let single: [(String, String?)] = [
                ("listen", listen), ("http-listen", httpListen), ("metrics-listen", metricsListen), ("plain-listen", plainListen),
                ("external-url", externalURL),
                ("http01-port", http01Port),
                ("tls-alpn01-port", tlsALPN01Port), ("tls-certificate", tlsCertificate), ("tls-key", tlsKey),
                ("log-format", logFormat),
                ("log-level", logLevel),
            ]
            var all = single.compactMap { name, value in value.map { (name: name, flag: "--\(name)", values: [$0]) } }
            if !resolver.isEmpty { all.append(("resolver", "--resolver", resolver)) }
            if !allowAddress.isEmpty { all.append(("allow-address", "--allow-address", allowAddress)) }
            for pair in others {
                guard let equals = pair.firstIndex(of: "=") else {
                    throw Failure(.usage, "--set \(pair.printable(limit: 80)): write KEY=VALUE.")
                }
                let key = String(pair[..<equals])
                let value = String(pair[pair.index(after: equals)...])
                if let place = all.firstIndex(where: { $0.name == key }), Setting.named(key)?.isList == true {
                    all[place].values.append(value)
                } else {
                    all.append((key, "--set \(key.printable(limit: 80))", [value]))
                }
            }
            return all
        }
    }
}

/// The settings of a data folder as the process sees them.
/// - Throws: `.configuration` with every fault on a line of its own.
func effectiveSettings(_ place: DataOptions, flags: SettingFlags) throws(Failure) -> LoadedSettings {
    let loaded = try loadSettings(place.folder, flags: place.flags + flags.given)
    try loaded.requireFaultless()
    return loaded
}

extension LoadedSettings {
    func requireFaultless() throws(Failure) {
        guard faults.isEmpty else { throw Failure(.configuration, faults.map(\.description).joined(separator: "\n")) }
    }
}

/// Like `effectiveSettings`, with the faults in the value.
/// - Throws: when the file is there and cannot be read, or is larger than 1 MiB.
func loadSettings(_ folder: String, flags: [(name: String, flag: String, values: [String])]) throws(Failure) -> LoadedSettings {
    var sources = SettingsSources()
    let path = "\(folder)/chancery.yaml"
    if let bytes = try readFile(path, upTo: 1 << 20) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(.configuration, "\(path): this is no text in UTF-8; write it again.")
        }
        sources.file = (path, text)
    }
    sources.environment = ProcessInfo.processInfo.environment
    sources.flags = flags
    sources.dataFolder = folder
    sources.workingFolder = FileManager.default.currentDirectoryPath
    return LoadedSettings(sources)
}
