extension StringProtocol {
    /// Text of a stranger, fit for a terminal, one line of a log, or a sentence: control and format characters, line and paragraph
    /// separators, bidirectional overrides and what Unicode has not assigned become `\n`, `\r`, `\t` or `\u{…}`; a backslash is doubled.
    /// - Parameters:
    ///   - limit: scalars; what is longer is cut, with an ellipsis.
    ///   - keepingBackslashes: for text that may have been made printable before.
    package func printable(limit: Int = 4096, keepingBackslashes: Bool = false) -> String {
        var result = ""
        var count = 0
        for scalar in unicodeScalars {
            guard count < limit else { return result + "…" }
            count += 1
            switch scalar {
            case "\\" where !keepingBackslashes: result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default:
                if scalar.isTreacherous {
                    result += "\\u{\(String(scalar.value, radix: 16))}"
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result
    }
}

extension String {
    /// The same. Nearly all text is plain, and there is much of it in a log: it is looked at byte by byte, and nothing is made of it.
    package func printable(limit: Int = 4096, keepingBackslashes: Bool = false) -> String {
        if utf8.count <= limit, utf8.allSatisfy({ (0x20...0x7E).contains($0) && $0 != 0x5C }) { return self }
        return self[...].printable(limit: limit, keepingBackslashes: keepingBackslashes)
    }
}

extension Unicode.Scalar {
    fileprivate var isTreacherous: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: true
        default: false
        }
    }
}
