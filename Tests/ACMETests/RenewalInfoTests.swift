import ACME
import Foundation
import Testing

struct RenewalInfoTests {
    /// RFC 9773 appendix A, and one whose serial needs its sign octet.
    @Test(arguments: [
        ("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", "69885b6b87464041e1b37b847ba0ae2cde01c8d4", "0087654321"),
        (
            "obLD1OX2BxgpOktcbX6PkAESIzQ.AJ88ABEiM0RVZneImaq7zN0", "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334",
            "009f3c00112233445566778899aabbccdd"
        ),
    ])
    func `C9773-4.1-1 an identifier is the key's and the serial's contents in base64url`(
        text: String, key: String, serial: String
    ) throws {
        let identifier = try CertificateIdentifier(keyIdentifier: octets(key), serial: octets(serial))
        #expect(identifier.text == text)
        #expect(try CertificateIdentifier(text) == identifier)
    }

    @Test(arguments: [
        "", ".", "AA", "AA.", ".AA", "AA.AA.AA", "AA==.AA", "AA.AA=", "A A.AA", "AA.AB", "AA/A.AAAA", "é.AA",
        "AA." + String(repeating: "A", count: 200), String(repeating: "A", count: 88) + ".AA",
        "AA." + String(repeating: "A", count: 32),
    ])
    func `what is no identifier is refused`(text: String) {
        #expect(throws: Malformed.self) { try CertificateIdentifier(text) }
    }

    @Test func `renewal information is read and written as RFC 9773 shows it`() throws {
        let text = """
            {"suggestedWindow":{"start":"2026-01-03T00:00:00Z","end":"2026-01-03T12:00:00+00:00"},"explanationURL":"https://a.example/why"}
            """
        let info = try JSONDecoder.acme.decode(RenewalInfo.self, strictly: text.utf8)
        #expect(info.suggestedWindow.start == Date(timeIntervalSince1970: 1_767_398_400))
        #expect(info.suggestedWindow.end.timeIntervalSince(info.suggestedWindow.start) == 43_200)
        #expect(info.explanationURL == "https://a.example/why")
        #expect(try JSONDecoder.acme.decode(RenewalInfo.self, strictly: Array(JSONEncoder.acme.encode(info))) == info)
        #expect(throws: Malformed.self) {
            try JSONDecoder.acme.decode(RenewalInfo.self, strictly: #"{"suggestedWindow":{"start":7,"end":8}}"#.utf8)
        }
    }

    private func octets(_ hex: String) -> [UInt8] {
        stride(from: 0, to: hex.count, by: 2).compactMap { UInt8(hex.dropFirst($0).prefix(2), radix: 16) }
    }
}
