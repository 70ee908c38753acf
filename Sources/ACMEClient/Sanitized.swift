internal import ACME

extension String {
    /// This text for a terminal or a log: control characters, line ends, bidirectional overrides and other format
    /// characters become `\n` or `\u{…}`, and more than 600 characters end in an ellipsis. Every text of a CA is a stranger's.
    public var sanitized: String { printable(limit: 600, keepingBackslashes: true) }
}
