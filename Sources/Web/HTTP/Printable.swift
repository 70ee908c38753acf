extension String {
    /// For logs and sentences: printable ASCII stays, everything else is written as `\u{…}`, and what is too long is cut.
    func printable(limit: Int) -> String {
        if utf8.count <= limit, utf8.allSatisfy({ (0x20..<0x7F).contains($0) && $0 != 0x5C }) { return self }
        var text = ""
        for scalar in unicodeScalars {
            guard text.utf8.count < limit else { return text + "..." }
            switch scalar.value {
            case 0x5C: text += "\\\\"
            case 0x20..<0x7F: text.unicodeScalars.append(scalar)
            default: text += "\\u{" + String(scalar.value, radix: 16) + "}"
            }
        }
        return text
    }
}
