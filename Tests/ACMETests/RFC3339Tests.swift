import ACME
import Foundation
import Testing

struct RFC3339Tests {
    static let instants: [(String, Double)] = [
        ("1970-01-01T00:00:00Z", 0), ("2026-11-25T00:00:00Z", 1_795_564_800), ("2024-02-29T12:30:45Z", 1_709_209_845),
        ("2000-03-01T00:00:00Z", 951_868_800), ("1969-12-31T23:59:59Z", -1), ("9999-12-31T23:59:59Z", 253_402_300_799),
        ("0000-01-01T00:00:00Z", -62_167_219_200), ("2038-01-19T03:14:08Z", 2_147_483_648),
    ]

    @Test(arguments: instants) func `instants are written and read`(text: String, seconds: Double) throws {
        #expect(RFC3339.string(Date(timeIntervalSince1970: seconds)) == text)
        #expect(try RFC3339.date(text).timeIntervalSince1970 == seconds)
    }

    @Test(arguments: [
        ("2026-11-25T01:00:00+01:00", 1_795_564_800), ("2026-11-24T18:30:00-05:30", 1_795_564_800),
        ("2026-11-25t00:00:00z", 1_795_564_800),
        ("2026-11-25T00:00:00.5Z", 1_795_564_800.5), ("2026-11-25T00:00:00.000000000000000Z", 1_795_564_800),
        ("2026-11-25T00:00:00.25+00:00", 1_795_564_800.25), ("2016-12-31T23:59:60Z", 1_483_228_800),
        ("2026-11-25T00:00:00-00:00", 1_795_564_800),
    ])
    func `offsets, fractions and the leap second are read`(text: String, seconds: Double) throws {
        #expect(try RFC3339.date(text).timeIntervalSince1970 == seconds)
    }

    @Test(arguments: [
        "", "2026-11-25", "2026-11-25T00:00:00", "2026-11-25 00:00:00Z", "2026-11-25T00:00Z", "2026-11-25T00:00:00.Z",
        "2026-11-25T00:00:00.5",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z", "2026-11-25T24:00:00Z", "2026-11-25T00:60:00Z", "2026-11-25T00:00:61Z",
        "2026-11-25T00:00:00+24:00",
        "2026-11-25T00:00:00+00:60", "2026-11-25T00:00:00+0000", "2026-11-25T00:00:00ZZ", "-026-11-25T00:00:00Z",
        "+2026-11-25T00:00:00",
        "٢٠٢٦-11-25T00:00:00Z", "2026-11-25T00:00:00Z\n", "1795564800",
        "2026-11-25T00:00:00.\(String(repeating: "0", count: 100))Z",
    ])
    func `what is no instant is refused`(text: String) {
        #expect(throws: Malformed.self) { try RFC3339.date(text) }
    }

    @Test func `seconds are rounded down and days follow each other`() throws {
        #expect(RFC3339.string(Date(timeIntervalSince1970: 0.999)) == "1970-01-01T00:00:00Z")
        #expect(RFC3339.string(Date(timeIntervalSince1970: -0.001)) == "1969-12-31T23:59:59Z")
        for day in stride(from: -719_528, through: 2_932_896, by: 997) {
            let date = Date(timeIntervalSince1970: Double(day) * 86_400)
            #expect(try RFC3339.date(RFC3339.string(date)) == date)
        }
    }

    @Test(arguments: [
        (-Double.infinity, "0000-01-01T00:00:00Z"), (.infinity, "9999-12-31T23:59:59Z"), (1e300, "9999-12-31T23:59:59Z"),
    ])
    func `instants that cannot be written become the nearest`(seconds: Double, text: String) {
        #expect(RFC3339.string(Date(timeIntervalSince1970: seconds)) == text)
    }

    @Test func `what is no number is written, too`() {
        #expect(RFC3339.string(Date(timeIntervalSince1970: .nan)).utf8.count == 20)
    }
}
