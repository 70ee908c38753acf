/// docs/configuration.md, made from the descriptions.
func settingsReference() -> String {
    var page = """
        # Configuration of chanceryd

        Made by `chanceryd config reference`; a test keeps this page and the program alike.

        Settings come from `DIR/chancery.yaml` (DIR is the data folder: `--data DIR`, `CHANCERY_DATA`, or /var/lib/chancery), from the
        environment and from flags, in rising precedence. `chanceryd config show` prints every effective value and where it comes from;
        `chanceryd config check` names every fault with its line. Unknown keys are faults. A list replaces the list of a lower source;
        in an environment variable its entries stand between commas, on the command line the flag is repeated. An empty environment
        variable counts as unset. Durations are a number with `s`, `m`, `h`, `d` or `y` (365 days). Changes take effect at the next
        start; only the files of `tls-certificate` and `tls-key` are read again on SIGHUP.

        | Key | Type | Default | Environment | Flag |
        |---|---|---|---|---|

        """
    for setting in Setting.all {
        let flag = setting.place == .environmentOnly ? "none" : "`\(setting.flag)`"
        page +=
            "| [`\(setting.name)`](#\(setting.name)) | \(setting.type) | \(setting.byDefault) | `\(setting.environment)` | \(flag) |\n"
    }
    for setting in Setting.all {
        page += "\n## \(setting.name)\n\n\(setting.doc)\n\n"
        page += "- Type: \(setting.type)\(setting.range.isEmpty ? "" : " (\(setting.range))")\n"
        page += "- Default: \(setting.byDefault)\n"
        if setting.isSecret { page += "- Secret: never printed, not by `config show` either\n" }
    }
    return page
}

/// The chancery.yaml of a new data folder: every key with its words, commented out, except those in `chosen`.
/// - Parameter chosen: values in the form of the file, by key.
func settingsTemplate(chosen: [String: [String]] = [:]) -> String {
    var text = """
        # Settings of chanceryd. Every key that may stand here is below; a line without # takes effect at the next start.
        # `chanceryd config show` tells the effective values, `chanceryd config check` finds faults.

        """
    for setting in Setting.all where setting.place == .anywhere {
        text += "\n"
        for line in wrapped(setting.doc.replacing("`", with: ""), width: 110) { text += "# \(line)\n" }
        let range = setting.range.isEmpty ? "" : " (\(setting.range.replacing("`", with: "")))"
        text += "# \(setting.type)\(range); default: \(setting.byDefault.replacing("`", with: ""))\n"
        if let values = chosen[setting.name] {
            text +=
                "\(setting.name): \(setting.isList ? "[" + values.map(quoted).joined(separator: ", ") + "]" : quoted(values.first ?? ""))\n"
        } else {
            text += "#\(setting.name): \(setting.isList ? "[" + quoted(setting.example) + "]" : quoted(setting.example))\n"
        }
    }
    return text
}

/// A YAML double-quoted scalar where plain would mean something else, the text itself otherwise.
private func quoted(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
            || [0x2E, 0x2F, 0x2D, 0x5F].contains($0)
    }
    if isPlain, !text.isEmpty, !text.hasPrefix("-"), !["null", "Null", "NULL"].contains(text) { return text }
    return "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
}

private func wrapped(_ text: String, width: Int) -> [String] {
    var lines = [""]
    for word in text.split(separator: " ") {
        if let last = lines.last, !last.isEmpty, last.count + word.count >= width { lines.append("") }
        lines[lines.count - 1] += lines[lines.count - 1].isEmpty ? "\(word)" : " \(word)"
    }
    return lines
}
