import ACME
import Foundation

/// The sources of settings, read as data: nothing here opens a file or looks at the process.
struct SettingsSources: Sendable {
    /// Name for messages (`DIR/chancery.yaml`) and its text; nil when there is no file.
    var file: (name: String, text: String)?
    var environment: [String: String] = [:]
    /// By key, in the order given.
    var flags: [(name: String, flag: String, values: [String])] = []
    /// Relative paths of the file begin here.
    var dataFolder = "/"
    /// Relative paths of environment and flags begin here.
    var workingFolder = "/"
}

/// The effective settings and where each comes from; complete even when there are faults, so that all are told at once.
struct LoadedSettings: Sendable {
    var settings = Settings()
    var origins: [String: Origin] = [:]
    var faults: [SettingsFault] = []

    /// Rising precedence: file, environment, flags.
    init(_ sources: SettingsSources) {
        if let file = sources.file { read(file: file.name, file.text, sources.dataFolder) }
        read(environment: sources.environment, sources.workingFolder)
        for (name, flag, values) in sources.flags {
            guard let setting = Setting.named(name) else {
                faults.append(unknown(name, at: flag))
                continue
            }
            take(setting, values, .flag(flag), at: flag, base: sources.workingFolder)
        }
        checkTogether()
    }

    func origin(_ name: String) -> Origin { origins[name] ?? .byDefault }

    private mutating func read(file: String, _ text: String, _ folder: String) {
        let lines: [SettingsLine]
        do throws(SettingsFault) {
            lines = try settingsLines(of: text, file: file)
        } catch {
            faults.append(error)
            return
        }
        for line in lines {
            let place = "\(file):\(line.number)"
            if let fault = line.fault {
                faults.append(SettingsFault(place: place, message: "\(line.key): \(fault.message)", remedy: fault.remedy))
            } else if let setting = Setting.named(line.key) {
                take(setting, line.values, .file(file, line: line.number), at: place, base: folder)
            } else {
                faults.append(unknown(line.key, at: place))
            }
        }
    }

    /// A variable of ours that is empty counts as unset. One that is spelt almost like ours is a fault; others (a container
    /// platform sets CHANCERY_PORT and such by itself) are not ours to judge.
    private mutating func read(environment: [String: String], _ folder: String) {
        let known = Setting.all.map(\.environment) + reservedVariables
        for setting in Setting.all {
            guard let value = environment[setting.environment], !value.isEmpty else { continue }
            let values =
                setting.isList ? value.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } : [value]
            take(setting, values, .environment(setting.environment), at: setting.environment, base: folder)
        }
        for name in environment.keys.sorted() where name.hasPrefix("CHANCERY_") && !known.contains(name) {
            guard let near = nearest(to: name, among: known), editDistance(near, name) <= 2 else { continue }
            faults.append(SettingsFault(place: name, message: "unknown variable", remedy: "did you mean \(near)?"))
        }
    }

    private mutating func take(_ setting: Setting, _ values: [String], _ origin: Origin, at place: String, base: String) {
        let subject = place.hasSuffix(setting.name) || place == setting.environment ? "" : "\(setting.name): "
        if setting.place == .environmentOnly, case .environment = origin {
        } else if setting.place == .environmentOnly {
            let remedy = "remove it and set \(setting.environment), passphrase-file or passphrase-credential"
            faults.append(SettingsFault(place: place, message: "\(subject)a secret may not stand here", remedy: remedy))
            return
        }
        guard !values.isEmpty || setting.isList else { return }
        let absolute = setting.isPath ? values.map { $0.hasPrefix("/") || $0.isEmpty ? $0 : "\(base)/\($0)" } : values
        for (value, bad) in setting.take(absolute, &settings) {
            let shown = setting.isSecret || setting.mayHoldSecret ? "the value" : "\"\(value.printable(limit: 80))\""
            faults.append(
                SettingsFault(place: place, message: "\(subject)\(shown) is not allowed", remedy: "write \(bad.wanted)"))
        }
        origins[setting.name] = origin
    }

    private func unknown(_ key: String, at place: String) -> SettingsFault {
        let remedy =
            nearest(to: key, among: Setting.all.map(\.name)).map { "did you mean \($0)?" }
            ?? "remove it, or see `chanceryd config reference` for the keys there are"
        return SettingsFault(place: place, message: "\(key.printable(limit: 80)): unknown key", remedy: remedy)
    }

    /// Where a fault of that key is to be looked for.
    func place(_ name: String) -> String {
        switch origin(name) {
        case .byDefault: name
        case .file(let file, let line): "\(file):\(line)"
        case .environment(let variable): variable
        case .flag(let flag): flag
        }
    }

    /// Faults that only show when two values meet.
    private mutating func checkTogether() {
        if settings.tlsCertificate != nil, settings.tlsKey == nil {
            faults.append(
                SettingsFault(
                    place: place("tls-certificate"), message: "tls-certificate without tls-key", remedy: "set both or neither"))
        }
        if settings.tlsKey != nil, settings.tlsCertificate == nil {
            faults.append(
                SettingsFault(place: place("tls-key"), message: "tls-key without tls-certificate", remedy: "set both or neither"))
        }
        var listeners = [("listen", settings.listen), ("http-listen", settings.httpListen)]
        if let third = settings.metricsListen { listeners.append(("metrics-listen", third)) }
        if let fourth = settings.plainListen { listeners.append(("plain-listen", fourth)) }
        for (index, (name, two)) in listeners.enumerated() {
            for (other, one) in listeners[..<index]
            where one.port != 0 && one.port == two.port && (one.host == two.host || one.isEveryAddress || two.isEveryAddress) {
                faults.append(
                    SettingsFault(
                        place: place(origin(name) == .byDefault ? other : name),
                        message: "\(other) (\(one)) and \(name) (\(two)) want the same port",
                        remedy: "give one of them another port"))
            }
        }
        faults += proxyFaults
        if settings.backdate >= settings.certificateLifetime {
            faults.append(
                SettingsFault(
                    place: place(origin("backdate") == .byDefault ? "certificate-lifetime" : "backdate"),
                    message: "backdate (\(spelled(seconds: settings.backdate))) is not shorter than certificate-lifetime",
                    remedy: "shorten backdate or lengthen certificate-lifetime"))
        }
        let sources = ["passphrase-file", "passphrase-env", "passphrase-credential"].filter { origin($0) != .byDefault }
        if sources.count > 1 {
            faults.append(
                SettingsFault(
                    place: place(sources[1]), message: "\(sources.joined(separator: " and ")) are both set",
                    remedy: "keep one of them"))
        }
    }
}

/// Variables that begin like settings but are read elsewhere: by the commands, and by the client.
let reservedVariables = ["CHANCERY_DATA", "CHANCERY_ROOT_PASSPHRASE", "CHANCERY_EAB_HMAC_KEY"]
