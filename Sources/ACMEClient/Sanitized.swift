extension String {
    /// This text for a terminal or a log: control characters, line ends, bidirectional overrides and other format
    /// characters become `\u{…}`, and more than 600 characters end in an ellipsis. Every text of a CA is a stranger's.
    public var sanitized: String {
        var text = ""
        var count = 0
        for scalar in unicodeScalars {
            guard count < 600 else { return text + "…" }
            count += 1
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                text += "\\u{\(String(scalar.value, radix: 16))}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
