import Foundation
import Testing

@testable import Store

struct RecordIDTests {
    @Test func `text and bytes come back as they went`() {
        for _ in 0..<500 {
            let one = RecordID(time: .random(in: 0 ... .max), random: .random(in: 0 ... .max))
            #expect(one.text.utf8.count == 22)
            #expect(RecordID(text: one.text) == one)
            #expect(RecordID(bytes: one.bytes) == one)
            #expect(
                one.text == Data(one.bytes).base64EncodedString().prefix(22).replacing("+", with: "-").replacing("/", with: "_"))
        }
    }

    @Test(arguments: [
        "", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAA=",
        "AAAAAAAAAAAAAAAAAAAA+A", "AAAAAAAAAA/AAAAAAAAAAA", " AAAAAAAAAAAAAAAAAAAAA", "ÄÄÄÄÄÄÄÄÄÄÄ", "../../../etc/passwd...",
    ])
    func `another spelling is refused`(text: String) {
        #expect(RecordID(text: text) == nil)
    }

    @Test func `what is made later lies behind, in bytes too`() {
        let early = id(.max, at: start)
        let late = id(0, at: start.addingTimeInterval(0.001))
        #expect(early < late)
        #expect(early.bytes.lexicographicallyPrecedes(late.bytes))
        #expect(early.date == start)
    }

    @Test(arguments: [-1e300, -1, 0, 1e12, 1e300, .infinity, -.infinity, .nan])
    func `no date traps`(seconds: TimeInterval) {
        let one = RecordID(at: Date(timeIntervalSince1970: seconds), random: 1)
        #expect(one.random == 1)
        #expect(one.time <= UInt64(Int64.max))
    }
}
