import ACME
import Testing

struct JSONTests {
    static let accepted: [(String, JSON)] = [
        ("null", .null), (" true ", .bool(true)), ("false", .bool(false)), ("0", .number("0")), ("-0", .number("-0")),
        ("10", .number("10")), ("1.5e-3", .number("1.5e-3")), ("1E+2", .number("1E+2")), ("1e400", .number("1e400")),
        (#""""#, .string("")), (#""a\"\\\/\b\f\n\r\t""#, .string("a\"\\/\u{8}\u{c}\n\r\t")), (#""\u00e9""#, .string("é")),
        (#""\uD83D\uDE00""#, .string("😀")), (#""\u0000""#, .string("\0")), ("\"é😀\"", .string("é😀")),
        ("\"\u{7f}\"", .string("\u{7f}")),
        ("[]", .array([])), ("[ 1 , [ ] ]", .array([.number("1"), .array([])])), ("{}", .object([:])),
        ("\t{\r\n \"a\" : 1, \"A\":\"b\" }\n", .object(["a": .number("1"), "A": .string("b")])),
        (String(repeating: "[", count: 16) + String(repeating: "]", count: 16), nested(16)),
    ]

    static func nested(_ depth: Int) -> JSON { (1..<depth).reduce(.array([])) { inner, _ in .array([inner]) } }

    @Test(arguments: accepted) func `a value is read`(text: String, value: JSON) throws {
        #expect(try JSON(parsing: text.utf8) == value)
        #expect(try JSON(parsing: Array(text.utf8)) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "nulll", "True", "NaN", "Infinity", "-Infinity", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x1",
        "1 2",
        "{", "}", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}",
        "{a:1}",
        "{'a':1}", "{\"a\" 1}", "{1:2}", "{,}", "{\"a\":1 \"b\":2}", "{}{}", "{}x", "null\u{0}", "\u{0}null", "\u{FEFF}{}",
        "\u{A0}{}",
        "// c\n{}", "{/* c */}", "\"", "\"a", "\"\\", "\"\\\"", "\"\\x41\"", "\"\\u12\"", "\"\\u12G4\"", "\"\\u 123\"",
        "\"\\u{41}\"",
        "\"\n\"", "\"\u{0}\"", "\"\u{1f}\"", "\"a\\n\u{1}\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800x\"",
        "\"\\ud800\\ud800\"", "\"\\ud800\\n\"", "{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":2}", "{\"b\":{\"a\":1,\"a\":2}}",
        "{\"\":1,\"\":2}",
    ])
    func `what is not strictly JSON is refused`(text: String) {
        #expect(throws: Malformed.self) { try JSON(parsing: text.utf8) }
    }

    // Overlong, surrogate, beyond U+10FFFF, lone continuation, cut short, Latin-1, inside an escaped string.
    @Test(
        arguments: [
            [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80], [0xC3], [0xE9], [0xFF],
            [0x5C, 0x6E, 0xC3],
        ] as [[UInt8]])
    func `a string that is not UTF-8 is refused`(octets: [UInt8]) {
        #expect(throws: Malformed.self) { try JSON(parsing: [0x22] + octets + [0x22]) }
    }

    @Test(arguments: [17, 100, 10_000, 1_000_000]) func `nesting is bounded`(depth: Int) {
        #expect(throws: Malformed("JSON is nested too deep")) { try JSON(parsing: String(repeating: "[", count: depth).utf8) }
        #expect(throws: Malformed("JSON is nested too deep")) {
            try JSON(parsing: String(repeating: "{\"a\":", count: depth).utf8)
        }
    }

    @Test func `cut anywhere a text is refused`() {
        let text = Array(#"{"a":[1.5e3,true,null,"b\u00e9\n"],"c":{"d":""}}"#.utf8)
        for end in text.indices { #expect(throws: Malformed.self) { try JSON(parsing: text[..<end]) } }
    }

    @Test func `accessors give what is of their type and nil else`() throws {
        let json = try JSON(parsing: #"{"s":"x","n":7,"f":7.5,"b":true,"a":[1],"o":{"i":1}}"#.utf8)
        #expect(json["s"]?.string == "x")
        #expect(json["n"]?.int == 7)
        #expect(json["f"]?.int == nil)
        #expect(json["b"]?.bool == true)
        #expect(json["a"]?.array == [.number("1")])
        #expect(json["o"]?["i"]?.int == 1)
        #expect(json["s"]?.int == nil && json["n"]?.string == nil && json["s"]?.bool == nil && json["s"]?.array == nil)
        #expect(json["none"] == nil && json["s"]?["x"] == nil && json["s"]?.object == nil)
    }
}
