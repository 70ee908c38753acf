import Foundation
import TestSupport
import Testing

@testable import chanceryd

/// Failures of the built program for programs: `--json` makes them one object on standard output.
struct FailureTests {
    private static let cases: [(line: [String], status: ProcessStatus)] = [
        (["certificate", "list"], .noData), (["certificate", "show", "zz"], .usage), (["account", "show", "x"], .usage),
        (["order", "list"], .noData), (["crl", "publish"], .noData), (["account", "list", "--limit", "many"], .usage),
        (["certificate", "list", "--colour", "blue"], .usage), (["certificates"], .usage), (["order", "show"], .usage),
        (["init", "--key-type", "p999"], .usage), (["init", "--permit", "-x"], .usage),
        (["config", "show", "--listen", "x"], .configuration),
        (["serve", "--listen", "x"], .usage),
    ]
    @Test(arguments: cases) func `with JSON a failure is one object too`(line: [String], status: ProcessStatus) async throws {
        let place = try TemporaryFolder()
        let data = ["--data", place.path("none")]
        let outcome = try await Program.run(Program.built("chanceryd"), line + (line.count > 1 ? data : []) + ["--json"])
        #expect(outcome.status == status.rawValue, "\(outcome)")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
        #expect(object["event"] as? String == "failed")
        #expect(object["code"] as? Int == Int(status.rawValue))
        #expect(object["status"] as? String == "\(status)")
        #expect((object["message"] as? String)?.isEmpty == false)
        #expect(!outcome.errors.isEmpty, "and a sentence for people")
    }

    @Test func `what is no failure is no object`() async throws {
        for line in [["--help"], ["certificate", "list", "--help", "--json"], ["--version"]] {
            let outcome = try await Program.run(Program.built("chanceryd"), line)
            #expect(outcome.status == 0 && !outcome.output.contains("\"event\""), "\(outcome)")
        }
        #expect(try await Program.run(Program.built("chanceryd"), ["version", "--json"]).output.contains("\"version\""))
    }
}
