import ACME
import TestSupport
import Testing

@testable import Validation

@Suite(.timeLimit(.minutes(1)))
struct DNS01Tests {
    static let value = "ZaJgFtIV4WA0t2MzN7kbSk0sfRd2GZjaxRqaSTAK6lI"

    static let good: [[NameServer.Record]] = [
        [.txt(value)], [.txt("other"), .txt(value), .txt("")], [.txt(String(value.prefix(20)), String(value.dropFirst(20)))],
        [.cname("proof.example")],
    ]
    @Test(arguments: good.indices)
    func `S-8.4-1 any one record suffices, strings joined and CNAMEs followed`(index: Int) async throws {
        let setting = try Setting(port: 1) { question in
            switch question.name {
            case "_acme-challenge.a.test": .records(Self.good[index])
            case "proof.example": .records([.txt(Self.value)])
            default: .code(3)
            }
        }
        #expect(try await setting.validate(.dns01).get().address == nil)
        #expect(setting.nameServer.questions.allSatisfy { $0.type == 16 })
    }

    static let bad: [NameServer.Reply] = [
        .records([.txt("secret")]), .records([.txt(value.lowercased())]), .records([.txt(value + " ")]),
        .records([.txt("\"" + value + "\"")]),
        .records([.txt(String(value.prefix(20))), .txt(String(value.dropFirst(20)))]), .records([.txt(Setting.proof)]),
        .records([.txt("")]),
    ]
    @Test(arguments: bad.indices)
    func `S-8.4-1 another value is an incorrect response, not shown`(index: Int) async throws {
        let problem = try await Setting(port: 1) { _ in Self.bad[index] }.problem(.dns01)
        #expect(problem.errorType == .incorrectResponse)
        #expect(problem.says("_acme-challenge.a.test"))
        #expect(!problem.says("secret") && !problem.says(Self.value))
    }

    @Test(
        arguments: [NameServer.Reply.code(3), .code(2), .code(5), .records([]), .records([.cname("_acme-challenge.a.test")])]
            .indices)
    func `S-8.4-1 a name without the record, or without servers that answer, is a dns problem`(index: Int) async throws {
        let replies: [NameServer.Reply] = [
            .code(3), .code(2), .code(5), .records([]), .records([.cname("_acme-challenge.a.test")]),
        ]
        let problem = try await Setting(port: 1) { _ in replies[index] }.problem(.dns01)
        #expect(problem.errorType == .dns)
        #expect(problem.says("Publish a TXT record at _acme-challenge.a.test"))
    }
}
