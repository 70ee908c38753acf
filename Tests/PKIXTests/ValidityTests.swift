import Foundation
import PKIX
import Testing

@Suite struct ValidityTests {
    @Test(arguments: [(90, "2027-02-22T23:59:59Z"), (199, "2027-06-11T23:59:59Z"), (1, "2026-11-25T23:59:59Z")])
    func `S5280-4.1-3 a period includes both of its ends`(days: Int, end: String) {
        let end = TestHierarchy.date(end)
        #expect(CertificateDescription.notAfter(TestHierarchy.now, lasting: days * 86_400) == end)
        #expect(end.timeIntervalSince(TestHierarchy.now) + 1 == Double(days * 86_400))
    }

    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0x17, "700101000000Z"), ("1999-12-31T23:59:59Z", 0x17, "991231235959Z"),
            ("2000-02-29T12:34:56Z", 0x17, "000229123456Z"), ("2049-12-31T23:59:59Z", 0x17, "491231235959Z"),
            ("2050-01-01T00:00:00Z", 0x18, "20500101000000Z"), ("2100-03-01T00:00:00Z", 0x18, "21000301000000Z"),
        ] as [(String, UInt8, String)])
    func `S5280-4.1-2 times through 2049 are UTCTime and later ones GeneralizedTime`(date: String, tag: UInt8, text: String) {
        #expect(DER.time(TestHierarchy.date(date)) == [tag, UInt8(text.utf8.count)] + Array(text.utf8))
        #expect(DER.time(TestHierarchy.date(date) + 0.999) == [tag, UInt8(text.utf8.count)] + Array(text.utf8))
    }

    @Test func `a time written is read back as it was`() async throws {
        let hierarchy = try await TestHierarchy()
        var description = hierarchy.describe(try CertificateKey(.p256).publicKey)
        for year in stride(from: 1950, through: 9999, by: 13) {
            for offset in [0, 58 * 86_400, 59 * 86_400, 364 * 86_400 + 86_399] {
                let date = TestHierarchy.date("\(year)-01-01T00:00:00Z") + Double(offset)
                description.notAfter = date
                #expect(try ToBeSigned(description, signedWith: .ed25519).fields().notAfter == date)
            }
        }
    }

    @Test(arguments: [
        "270229000000Z", "271301000000Z", "271200000000Z", "271231240000Z", "271231236000Z", "271231235960Z", "2712312359Z",
        "271231235959+0100", "27123123595aZ", "2712312359590", "", "Z",
    ])
    func `what is no date in RFC 5280's form is refused`(text: String) async throws {
        let hierarchy = try await TestHierarchy()
        let good = ToBeSigned(hierarchy.describe(try CertificateKey(.p256).publicKey), signedWith: .ecdsaSHA256).bytes
        let bad = replacing(
            DER.time(TestHierarchy.date("2027-01-08T23:59:59Z")), by: DER.element(0x17, Array(text.utf8)), in: good)
        #expect(bad != good)
        #expect(throws: Unacceptable.self) { _ = try TBSCertificate(der: bad) }
    }

    @Test func `serial numbers are positive, of 127 bits, evenly spread and never twice`() {
        var generator = SystemRandomNumberGenerator()
        var seen: Set<[UInt8]> = []
        var ones = [Int](repeating: 0, count: 128)
        let draws = 20_000
        for _ in 0..<draws {
            let random = [generator.next(), generator.next()].flatMap { (word: UInt64) in withUnsafeBytes(of: word) { Array($0) }
            }
            guard let serial = CertificateDescription.serial(from: random), serial.count == 16, serial[0] & 0x80 == 0 else {
                Issue.record("no serial from \(random)")
                continue
            }
            seen.insert(serial)
            for bit in 0..<128 where serial[bit / 8] & (0x80 >> UInt8(bit % 8)) != 0 { ones[bit] += 1 }
        }
        #expect(seen.count == draws)
        #expect(ones[0] == 0)
        // Seven standard deviations: a fair bit strays that far once in 10^12 draws.
        let allowed = Int(7 * (Double(draws) / 4).squareRoot())
        for count in ones.dropFirst() { #expect(abs(count - draws / 2) < allowed) }
        #expect(CertificateDescription.serial(from: [0x80] + [UInt8](repeating: 0, count: 15)) == nil)
        #expect(CertificateDescription.serial(from: [1, 2, 3]) == nil)
    }
}
