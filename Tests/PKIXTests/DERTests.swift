import Testing

@testable import PKIX

@Suite struct DERTests {
    @Test(
        arguments: [
            ([], [2, 1, 0]), ([0], [2, 1, 0]), ([0, 0, 5], [2, 1, 5]), ([0x7f], [2, 1, 0x7f]), ([0x80], [2, 2, 0, 0x80]),
            ([1, 0], [2, 2, 1, 0]), ([0, 0xff, 0], [2, 3, 0, 0xff, 0]),
        ] as [([UInt8], [UInt8])])
    func `integers are positive and minimal`(magnitude: [UInt8], der: [UInt8]) { #expect(DER.integer(magnitude) == der) }

    @Test(
        arguments: [
            (0, [0]), (127, [127]), (128, [0x81, 128]), (255, [0x81, 255]), (256, [0x82, 1, 0]), (65_536, [0x83, 1, 0, 0]),
        ]
            as [(Int, [UInt8])])
    func `lengths are minimal`(count: Int, length: [UInt8]) {
        let der = DER.octetString([UInt8](repeating: 0, count: count))
        #expect(Array(der[..<(1 + length.count)]) == [4] + length)
    }

    @Test(
        arguments: [
            ([1, 2, 840, 113549, 1, 9, 14], [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 14], "1.2.840.113549.1.9.14"),
            ([2, 5, 29, 17], [0x55, 0x1d, 0x11], "2.5.29.17"), ([2, 999, 3], [0x88, 0x37, 3], "2.999.3"),
            ([1, 3, 6, 1, 5, 5, 7, 1, 31], [0x2b, 6, 1, 5, 5, 7, 1, 31], "1.3.6.1.5.5.7.1.31"),
        ] as [(OID, [UInt8], String)])
    func `object identifiers`(oid: OID, content: [UInt8], text: String) {
        #expect(oid.content == content && oid.description == text)
    }

    @Test func `an object identifier of any size can be printed`() {
        #expect(OID(content: [0x2a] + [UInt8](repeating: 0xff, count: 30) + [0x7f]).description == "1.2.?")
        #expect(OID(content: []).description == "")
    }

    @Test(
        arguments: [
            (KeyUsage.digitalSignature, [3, 2, 7, 0x80]), ([.digitalSignature, .keyEncipherment], [3, 2, 5, 0xa0]),
            ([.keyCertSign, .crlSign], [3, 2, 1, 0x06]), ([], [3, 1, 0]),
        ] as [(KeyUsage, [UInt8])])
    func `key usages are minimal bit strings`(usage: KeyUsage, value: [UInt8]) throws {
        #expect(Extension.keyUsage(usage).value == value)
        #expect(try Extension.keyUsage(usage).keyUsage() == usage)
    }

    @Test func `signature algorithms have the exact bytes of the Baseline Requirements`() {
        let bytes: [SignatureScheme: [UInt8]] = [
            .rsaSHA256: [0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0b, 5, 0],
            .rsaSHA384: [0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0c, 5, 0],
            .rsaSHA512: [0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0d, 5, 0],
            .ecdsaSHA256: [0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2],
            .ecdsaSHA384: [0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3],
            .ecdsaSHA512: [0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4], .ed25519: [0x30, 5, 6, 3, 0x2b, 0x65, 0x70],
        ]
        for scheme in SignatureScheme.allCases {
            #expect(scheme.algorithmIdentifier == bytes[scheme])
            #expect(SignatureScheme(algorithmIdentifier: scheme.algorithmIdentifier) == scheme)
        }
    }

    @Test func `foreign text in a reason cannot move a terminal`() {
        #expect(Unacceptable(.malformed, "a\u{1b}[2J\r\nü").reason == "a?[2J???")
        #expect(Unacceptable(.malformed, String(repeating: "x", count: 5000)).reason.utf8.count == 300)
    }
}
