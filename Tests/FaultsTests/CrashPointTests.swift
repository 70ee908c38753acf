import Foundation
import TestSupport
import Testing

@testable import Faults

struct CrashPointTests {
    #if DEBUG
        @Test func `a point is due at the time that was ordered, once`() {
            let plan = CrashPlan(text: "a.after:3")
            #expect(
                ["a.after", "b.after", "a.after", "a.after", "a.after"].map(plan.isDue) == [false, false, false, true, false])
            #expect(CrashPlan(text: "a.after").isDue("a.after"), "the first time when none is given")
        }
    #endif

    @Test func `each point has a name of its own, and the page on reliability lists them all`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let sources = root.appendingPathComponent("Sources")
        var names: [String] = []
        for case let file as URL in try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            names += text.matches(of: /crashPoint\("([^"]+)"\)/).map { String($0.output.1) }
        }
        #expect(names.count >= 10)
        #expect(Set(names).count == names.count, "a name in two places")
        let page = try String(contentsOf: root.appendingPathComponent("docs/reliability.md"), encoding: .utf8)
        for name in names { #expect(page.contains("`\(name)`"), "docs/reliability.md does not name \(name)") }
    }
}

#if DEBUG
    struct TestClockTests {
        @Test func `the clock stands off by what its file says, from one look to the next`() throws {
            let folder = try TemporaryFolder()
            let clock = try #require(TestClock(["CHANCERY_FAULT_CLOCK": folder.path("offset")]))
            func offset() -> Double { clock.now().timeIntervalSinceNow }
            #expect(abs(offset()) < 60)
            try folder.write("offset", "-3600\n")
            #expect(abs(offset() + 3600) < 60)
            try folder.write("offset", "86400")
            #expect(abs(offset() - 86400) < 60)
            #expect(TestClock([:]) == nil)
        }
    }
#endif
