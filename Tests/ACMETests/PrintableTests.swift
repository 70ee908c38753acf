import Testing

@testable import ACME

struct PrintableTests {
    @Test(arguments: [
        ("plain text, 100 %", "plain text, 100 %"), ("Grüße, 日本語 🔐", "Grüße, 日本語 🔐"), ("", ""),
        ("\u{1b}[2J\u{7}", #"\u{1b}[2J\u{7}"#), ("a\nb\r\nc\td", #"a\nb\r\nc\td"#), ("C:\\x", #"C:\\x"#),
        ("\u{202E}evil\u{2066}\u{200F}\u{FEFF}\u{AD}", #"\u{202e}evil\u{2066}\u{200f}\u{feff}\u{ad}"#),
        ("\u{85}\u{9B}\u{2028}\u{7F}\u{0}", #"\u{85}\u{9b}\u{2028}\u{7f}\u{0}"#), ("\u{E000}\u{378}", #"\u{e000}\u{378}"#),
    ])
    func `what could move a terminal or mislead a reader is written out`(text: String, shown: String) {
        #expect(text.printable() == shown)
        #expect(shown.printable(keepingBackslashes: true) == shown, "once is enough")
    }

    @Test func `long text is cut`() {
        #expect(String(repeating: "x", count: 600).printable(limit: 600).count == 600)
        #expect(String(repeating: "x", count: 601).printable(limit: 600) == String(repeating: "x", count: 600) + "…")
        #expect(String(repeating: "\u{1}", count: 5).printable(limit: 2) == #"\u{1}\u{1}…"#)
    }
}
