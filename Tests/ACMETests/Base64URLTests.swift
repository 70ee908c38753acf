import ACME
import Testing

struct Base64URLTests {
    // RFC 4648 section 10, without padding, and the two characters that differ from base64.
    static let pairs: [(String, [UInt8])] = [
        ("", []), ("Zg", Array("f".utf8)), ("Zm8", Array("fo".utf8)), ("Zm9v", Array("foo".utf8)), ("Zm9vYg", Array("foob".utf8)),
        ("Zm9vYmE", Array("fooba".utf8)), ("Zm9vYmFy", Array("foobar".utf8)), ("-_-_", [0xFB, 0xFF, 0xBF]), ("AA", [0]),
        ("_w", [255]),
    ]

    @Test(arguments: pairs) func `S-6.1-4 octets are written without padding`(text: String, octets: [UInt8]) {
        #expect(Base64URL.encode(octets) == text)
    }

    @Test(arguments: pairs) func `what is written is read`(text: String, octets: [UInt8]) throws {
        #expect(try Base64URL.decode(text) == octets)
        #expect(try Base64URL.decode(text[...]) == octets)
    }

    @Test(arguments: [
        "Zg==", "Zg=", "Zm8=", "=", "Z", "Zm9vY", "+/+/", "Zm 9v", "Zm9v\n", "\nZm9v", " ", "Zm9v\r\n", "Zm9\u{0}", "Zm9é",
        "Zm9v.", "Zm9*",
        "Zh", "Zm9", "AB", "__", "Zm9vYmF", "Ｚｍ８",
    ])
    func `S-6.1-5 any other spelling is refused`(text: String) {
        #expect(throws: Malformed.self) { try Base64URL.decode(text) }
    }

    @Test func `all lengths and all octets survive`() throws {
        for length in 0...300 {
            let octets = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ length) }
            #expect(try Base64URL.decode(Base64URL.encode(octets)) == octets)
        }
    }

    @Test(arguments: [
        ("", false), ("a", true), ("A-_9", true), ("a.b", false), ("a/b", false), ("a=", false), ("é", false), ("..", false),
    ])
    func `a token is safe in a path`(text: String, safe: Bool) { #expect(isToken(text) == safe) }

    @Test func `a token has at most 255 characters`() {
        #expect(isToken(String(repeating: "a", count: 255)))
        #expect(!isToken(String(repeating: "a", count: 256)))
    }
}
