import ACME
import Testing

struct DomainNameTests {
    static let label63 = String(repeating: "a", count: 63)
    static let name253 = [label63, label63, label63, String(repeating: "b", count: 61)].joined(separator: ".")

    static let accepted: [String] = [
        "example.com", "a.example", "a", "localhost", "intranet", "www.example.co.uk", "xn--bcher-kva.example", "1.example", "1a",
        "a1", "a-b.example",
        "a--b.example", "3com.example", "192.0.2.1.example", "0x7f.example", "0xg", "0x7g", "a.0b1", "1.2.3.4a", "deadbeef",
        "b0x1", "127-0-0-1.example",
        label63 + ".example", name253, Array(repeating: "a", count: 127).joined(separator: "."), "1.0.0.127.in-addr.arpa",
        // A-labels that IDNA 2008 knows: Latin, Cyrillic, Han, sharp s, Arabic, middle dot between two l, Hebrew, Greek, Thai, a joiner in its
        // place, and one that looks Latin but is valid.
        "xn--e1afmkfd", "xn--wgv71a119e.example", "xn--strae-oqa.de", "xn--mgbh0fb.example", "xn--ll-0ea.cat", "xn--5dbedt4e",
        "xn--hxajbheg2az3al.gr", "xn--o3cw4h", "xn--11b2ezcw70k", "xn--tda", "xn--80ak6aa92e.com", "xn--fiqs8s", "xn--p1ai",
        "*.example.com", "*.localhost", "*.xn--bcher-kva.example", "*.a.b.c.d.e.f.g.h.i.j.k",
    ]

    @Test(arguments: accepted) func `a name of the form is taken as it is`(text: String) throws {
        let name = try DomainName(text)
        #expect(name.text == text)
        #expect(name.isWildcard == text.hasPrefix("*."))
        #expect(name.base == (text.hasPrefix("*.") ? String(text.dropFirst(2)) : text))
    }

    static let refused: [(String, String)] = [
        ("", "empty"), (".", "final dot"), ("..", "final dot"), ("example.com.", "final dot"), ("example.com..", "final dot"),
        ("a..b", "empty label"),
        (".example.com", "empty label"), (" ", "letters"), ("exa mple.com", "letters"), ("example.com ", "letters"),
        (" example.com", "letters"),
        ("example.com\n", "letters"), ("exam\u{0}ple.com", "letters"), ("example.com\u{0}", "letters"),
        ("example.com\u{7f}", "letters"), ("\texample.com", "letters"),
        // Lengths.
        (label63 + "a.example", "63"), (name253 + "b", "253"), ("a." + name253, "253"), ("*." + name253, "253"),
        (Array(repeating: "a", count: 128).joined(separator: "."), "253"), (String(repeating: "a", count: 1_000_000), "253"),
        // Characters.
        ("under_score.example", "underscore"), ("_acme-challenge.example.com", "underscore"), ("a@example.com", "letters"),
        ("http://example.com", "letters"),
        ("example.com/path", "letters"), ("example.com:443", "letters"), ("example.com?x", "letters"),
        ("exam%70le.com", "letters"), ("a,b.example", "letters"),
        ("[::1]", "letters"), ("::1", "letters"), ("2001:db8::1", "letters"), ("fe80::1%eth0", "letters"),
        ("a\\b.example", "letters"), ("a'b", "letters"),
        ("-a.example", "hyphen"), ("a-.example", "hyphen"), ("-", "hyphen"), ("--", "hyphen"), ("a.-b", "hyphen"),
        // Outside ASCII: U-label, NFD, right-to-left override, byte order mark, ideographic full stop, full-width, Kelvin sign, zero width.
        ("bücher.example", "ASCII"), ("bu\u{308}cher.example", "ASCII"), ("a\u{202E}b.example", "ASCII"),
        ("\u{FEFF}example.com", "ASCII"),
        ("example\u{3002}com", "ASCII"), ("ｅxample.com", "ASCII"), ("\u{212A}.example", "ASCII"),
        ("exam\u{200B}ple.com", "ASCII"), ("пример", "ASCII"),
        ("exa\u{AD}mple.com", "ASCII"), ("١٢٧.0.0.1", "ASCII"),
        // Reserved LDH labels.
        ("ab--cd.example", "reserved"), ("a1--cd.example", "reserved"), ("zz--a", "reserved"), ("xm--a.example", "reserved"),
        ("www.ab--cd.example", "reserved"),
        // Wildcards.
        ("*", "* alone"), ("*.", "final dot"), ("**.example", "wildcard"), ("*a.example", "wildcard"), ("a*.example", "wildcard"),
        ("a.*.example", "wildcard"),
        ("*.*.example", "wildcard"), ("example.*", "wildcard"), ("w*w.example.com", "wildcard"), ("*.xn--a.example", "xn--"),
        ("*.1.2.3.4", "number"), ("*..example", "empty label"),
        ("*example.com", "wildcard"), ("xn--*.example", "hyphen|wildcard"),
        // Addresses in disguise.
        ("192.0.2.1", "number"), ("127.0.0.1", "number"), ("127.1", "number"), ("2130706433", "number"),
        ("0177.0.0.01", "number"), ("017700000001", "number"),
        ("0x7f000001", "number"), ("0x7f.0.0.0x1", "number"), ("0X7F.1", "number"), ("0x", "number"), ("1.2.3.4.5", "number"),
        ("999.999.999.999", "number"),
        ("0", "number"), ("example.1", "number"), ("example.0x1f", "number"), ("foo.0x", "number"), ("256", "number"),
        ("00000000000000000000000000000001", "number"),
        // A-labels that are none: control character, only ASCII, not NFC, empty, no Punycode, overflow.
        ("xn--a.example", "xn--"), ("xn--abc-.example", "hyphen"), ("xn--u-ccb.example", "xn--"), ("xn--", "hyphen"),
        ("xn---", "hyphen"), ("xn--0", "xn--"),
        ("xn--99999999", "xn--"), ("xn--bcher-kva0.example", "xn--"), ("xn--a-0", "xn--"), ("xn--bcher-kv", "xn--"),
        ("xn--xn--bcher-kva", "xn--"),
        // A-labels of U-labels that IDNA 2008 refuses: right-to-left override, byte order mark, joiners and dots out of place, leading mark, unassigned,
        // full-width, upper case, emoji, hyphens, mixed direction, soft hyphen, Kelvin sign, separators, mixed digits.
        ("xn--ab-g4t", "xn--"), ("xn--ab-ot3n", "xn--"), ("xn--ab-m1t", "xn--"), ("xn--ab-j1t", "xn--"), ("xn--ab-0ea", "xn--"),
        ("xn--a-wbb", "xn--"),
        ("xn--a-qib", "xn--"), ("xn--mi7c", "xn--"), ("xn--wca", "xn--"), ("xn--ls8h.la", "xn--"), ("xn--ab---epa", "xn--"),
        ("xn----bga", "xn--"),
        ("xn----9fa", "xn--"), ("xn--a-0hc", "xn--"), ("xn--b-uca3p", "xn--"), ("xn--62g", "xn--"), ("xn--a-0jc", "xn--"),
        ("xn--b-3ba2t", "xn--"),
        ("xn--b-9fa5827a", "xn--"), ("xn--jm6c", "xn--"), ("xn--kkg", "xn--"), ("xn--a-iju", "xn--"), ("xn--xn---epa", "xn--"),
        ("xn--9hb20a", "xn--"),
        ("www.xn--a.example", "xn--"), ("xn--" + String(repeating: "a", count: 59), "xn--"),
    ]

    @Test(arguments: refused) func `S-7.1.4-3 S-7.1.4-4 any other name is refused, and the reason says why`(
        text: String, why: String
    ) {
        let error = #expect(throws: Malformed.self) { try DomainName(text) }
        #expect(why.split(separator: "|").contains { error?.reason.contains($0) == true }, "\(error?.reason ?? "taken")")
    }

    @Test(arguments: [
        ("EXAMPLE.com", "example.com"), ("*.ExAmPlE", "*.example"), ("XN--BCHER-KVA.Example", "xn--bcher-kva.example"),
    ])
    func `upper case is folded`(text: String, folded: String) throws {
        #expect(try DomainName(text).text == folded)
        #expect(try DomainName(text) == DomainName(folded))
    }

    @Test func `all octets of ASCII but letters, digits and hyphens are refused inside a label`() {
        for octet in UInt8(0)..<128 {
            let character = Character(Unicode.Scalar(octet))
            let isTaken = (try? DomainName("a\(character)b")) != nil
            #expect(isTaken == (character.isLetter || character.isNumber || character == "-" || character == "."), "\(octet)")
        }
    }

    // What people type.
    @Test(arguments: [
        ("bücher.example", "xn--bcher-kva.example"), ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bu\u{308}cher.example", "xn--bcher-kva.example"),
        ("straße.de", "xn--strae-oqa.de"), ("пример", "xn--e1afmkfd"), ("日本語。example", "xn--wgv71a119e.example"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        ("ｅxample.com", "example.com"), ("example.com", "example.com"), ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ])
    func `a U-label that a person types becomes an A-label`(typed: String, text: String) throws {
        #expect(try DomainName.ascii(typed).text == text)
    }

    @Test(arguments: [
        "", "*", "*.", "büch\u{0}er.example", "bücher..example", "bücher.*.example", "*bücher.example", "a_ü.example",
        "ü b.example", "💩.la", "ab--é", "-é", "é-", "a\u{202E}ü",
        "ü.1", "１２７.０.０.１", "ü@example", "\u{301}a", String(repeating: "ü", count: 64), String(repeating: "ü", count: 100_000),
        "xn--a.ü", "é.", "é_.com",
        String(repeating: "\u{FDFA}", count: 300),
    ])
    func `what no name can be made of is refused to people too`(typed: String) {
        #expect(throws: Malformed.self) { try DomainName.ascii(typed) }
    }
}
