import ACME
import Yams

/// A top-level entry of chancery.yaml.
struct SettingsLine {
    /// Counted from 1.
    let number: Int
    let key: String
    var values: [String] = []
    /// Set when the entry has a shape that no key has.
    var fault: (message: String, remedy: String)?
}

/// The file as entries in their order. Values are the scalars as written: `listen: 0.0.0.0:8443` needs no quotes.
/// - Parameter text: at most 1 MiB, bounded by the caller.
/// - Throws: one fault with its line when the text is no YAML mapping at all.
func settingsLines(of text: String, file: String) throws(SettingsFault) -> [SettingsLine] {
    let root: Node?
    do { root = try Yams.compose(yaml: text) } catch { throw fault(error, file) }
    guard let root else { return [] }
    if isNull(root) { return [] }
    guard case .mapping(let mapping) = root else {
        throw SettingsFault(
            place: "\(file):\(root.mark?.line ?? 1)", message: "this is no list of settings",
            remedy: "write lines of the form KEY: VALUE")
    }
    return mapping.map { key, value in
        var line = SettingsLine(number: key.mark?.line ?? 1, key: key.scalar?.string ?? "?")
        switch value {
        case .scalar(let scalar):
            if isNull(value) {
                line.fault = ("has no value", "write one after the colon, or put a # before the line")
            } else {
                line.values = [scalar.string]
            }
        case .sequence(let items):
            for item in items {
                guard let scalar = item.scalar, !isNull(item) else {
                    line.fault = ("an entry of the list is no plain value", "write each as `- VALUE`")
                    break
                }
                line.values.append(scalar.string)
            }
            if Setting.named(line.key)?.isList == false {
                line.fault = ("takes one value, not a list", "write KEY: VALUE on one line")
            }
        case .mapping:
            line.fault = ("has settings below it", "all keys stand at the left margin; see `chanceryd config reference`")
        case .alias: line.fault = ("refers to another place", "write the value itself")
        }
        return line
    }
}

private func isNull(_ node: Node) -> Bool {
    guard case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
}

private func fault(_ error: any Error, _ file: String) -> SettingsFault {
    let remedy = "correct the line; each setting is KEY: VALUE"
    switch error as? YamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
        return SettingsFault(place: "\(file):\(mark.line)", message: "this is no YAML (\(problem))", remedy: remedy)
    case .duplicatedKeysInMapping(let keys, let context):
        let names = keys.map { $0.printable(limit: 80) }.joined(separator: ", ")
        return SettingsFault(
            place: "\(file):\(context.mark.line)", message: "\(names): written twice", remedy: "keep one of the lines")
    case .reader(let problem, _, _, _):
        return SettingsFault(place: file, message: "this is no text in UTF-8 (\(problem))", remedy: remedy)
    default: return SettingsFault(place: file, message: "this is no YAML", remedy: remedy)
    }
}
