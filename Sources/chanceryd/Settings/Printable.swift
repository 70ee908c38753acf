/// Text of unknown origin, fit for a terminal and for one line of a log: control and format characters (C0, DEL, C1, line and
/// paragraph separators, bidirectional overrides) become `\u{…}`, a backslash is doubled, and what is longer than `limit` is cut.
func printable(_ text: some StringProtocol, limit: Int = 4096) -> String {
    // Nearly all text is plain, and there is much of it in a log.
    if text.utf8.count <= limit, text.utf8.allSatisfy({ (0x20...0x7E).contains($0) && $0 != 0x5C }) { return String(text) }
    var result = ""
    for scalar in text.unicodeScalars.prefix(limit) {
        switch scalar.value {
        case 0x5C: result += "\\\\"
        case 0x0A: result += "\\n"
        case 0x0D: result += "\\r"
        case 0x09: result += "\\t"
        case ..<0x20, 0x7F...0x9F, 0x2028...0x2029, 0x200E...0x200F, 0x202A...0x202E, 0x2066...0x2069, 0xFEFF:
            result += "\\u{\(String(scalar.value, radix: 16))}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return text.unicodeScalars.count > limit ? result + "…" : result
}
