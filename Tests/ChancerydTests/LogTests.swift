import Foundation
import Logging
import Synchronization
import Testing

@testable import chanceryd

struct LogTests {
    static let time = Date(timeIntervalSince1970: 1_800_000_000.25)

    @Test func `a line has time, level, message and sorted metadata`() {
        let line = logLine(
            .text, Self.time, .info, "acme", "Order created", ["serial": "0a:1b", "account": "x y", "names": ["b", "a c"]])
        #expect(line == "2027-01-15T08:00:00.250Z info     Order created account=\"x y\" names=[b,\"a c\"] serial=0a:1b\n")
    }

    @Test(arguments: [
        "a\nb", "a\r\nb", "\u{1B}[31m", "a\u{0}b", "a\u{85}b", "a\u{2028}b", "a\u{202E}b", "\"quoted\"", "back\\slash", "",
    ])
    func `no value breaks a line or reaches the terminal raw`(hostile: String) throws {
        for format in LogFormat.allCases {
            let line = logLine(
                format, Self.time, .warning, "x", "Said \(hostile)",
                ["it": "\(hostile)", "\(hostile)=": ["k\(hostile)": "\(hostile)"]])
            #expect(line.hasSuffix("\n"))
            let inside = line.dropLast().unicodeScalars
            #expect(
                inside.allSatisfy {
                    $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) && ![0x2028, 0x202E].contains($0.value)
                })
            if format == .json {
                let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                #expect(object["message"] as? String == "Said \(hostile)")
                #expect(object["it"] as? String == hostile)
            }
        }
    }

    @Test func `metadata cannot pose as the event's own members`() throws {
        let line = logLine(.json, Self.time, .info, "x", "m", ["level": "debug", "message": "other"])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
        #expect(
            object == [
                "time": "2027-01-15T08:00:00.250Z", "level": "info", "label": "x", "message": "m", "_level": "debug",
                "_message": "other",
            ])
    }

    @Test func `what is longer than 4096 characters is cut`() {
        let line = logLine(.text, Self.time, .info, "x", String(repeating: "a", count: 100_000), [:])
        #expect(line.utf8.count < 4200)
    }

    @Test func `a stuck reader blocks nobody, and lost lines are counted`() {
        let gate = DispatchSemaphore(value: 0)
        let written = Mutex<[String]>([])
        let sink = LogSink(limit: 6, gathering: .seconds(3600)) { lines in
            gate.wait()
            written.withLock { $0.append(lines) }
        }
        for number in 0..<10 { sink.log("\(number)\n") }
        for _ in 0..<2 { gate.signal() }
        sink.flush(seconds: 30)
        gate.signal()
        sink.log("after\n")
        sink.flush(seconds: 30)
        #expect(written.withLock { $0 } == ["0\n1\n2\n", "warning log lines lost count=7\n", "after\n"])
    }

    @Test func `a closed descriptor ends nothing`() {
        #expect(!writeWhole("x\n", to: 9_999))
    }

    @Test func `a logger's own metadata and the event's are merged, the event's winning`() {
        let lines = Mutex<[String]>([])
        let sink = LogSink { line in lines.withLock { $0.append(line) } }
        var logger = Logger(label: "t") {
            LineLogHandler(label: $0, format: .text, sink: sink, now: { Self.time }, logLevel: .info)
        }
        logger[metadataKey: "a"] = "1"
        logger.info("Hi", metadata: ["a": "2", "b": "3"])
        logger.debug("unheard")
        sink.flush(seconds: 30)
        #expect(lines.withLock { $0 } == ["2027-01-15T08:00:00.250Z info     Hi a=2 b=3\n"])
    }
}
