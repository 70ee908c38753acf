/// One thing that is wrong, where it stands and what to do. One line when printed.
struct SettingsFault: Error, Equatable, CustomStringConvertible {
    /// `chancery.yaml:12`, `CHANCERY_LISTEN`, `--listen`.
    let place: String
    let message: String
    let remedy: String

    var description: String { "\(place): \(message); \(remedy)" }
}

/// Where an effective value comes from.
enum Origin: Sendable, Equatable, CustomStringConvertible {
    case byDefault
    case file(String, line: Int)
    case environment(String)
    case flag(String)

    var description: String {
        switch self {
        case .byDefault: "default"
        case .file(let name, let line): "\(name):\(line)"
        case .environment(let name): "environment \(name)"
        case .flag(let name): "flag \(name)"
        }
    }
}
