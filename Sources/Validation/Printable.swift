/// Foreign text for a problem or a log: printable ASCII as it is, all else escaped, at most 200 characters.
func printable(_ text: String) -> String {
    var shown = ""
    for byte in text.utf8 {
        guard shown.utf8.count < 200 else { return shown + "…" }
        if (0x20...0x7e).contains(byte), byte != UInt8(ascii: "\\") {
            shown.unicodeScalars.append(UnicodeScalar(byte))
        } else {
            shown += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
    }
    return shown
}
