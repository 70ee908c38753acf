import ACME
import Foundation
import Testing

@testable import Agent
@testable import chancery

/// The shapes that programs read and the lines that people read.
struct OutputTests {
    private let summary = CertificateSummary(
        name: "a.test", names: ["a.test", "www.a.test"], ca: "https://ca.test/dir", serial: "0A",
        notBefore: Date(timeIntervalSince1970: 1_790_812_800), notAfter: Date(timeIntervalSince1970: 1_798_761_599),
        due: Date(timeIntervalSince1970: 1_796_083_200), dueReason: .third, isDue: false, served: true, revoked: nil,
        folder: "/s/live/a.test")

    @Test func `a result is one line of JSON whose members stand in the order of the alphabet`() {
        #expect(
            Terminal.json(ResultLine(.nothingToDo, summary, name: "a.test")) == """
                {"code":2,"event":"result","name":"a.test","result":{"ca":"https://ca.test/dir","due":"2026-12-01T00:00:00Z",\
                "dueReason":"third","folder":"/s/live/a.test","isDue":false,"name":"a.test","names":["a.test","www.a.test"],\
                "notAfter":"2026-12-31T23:59:59Z","notBefore":"2026-10-01T00:00:00Z","serial":"0A","served":true}}
                """)
        #expect(Terminal.json(ResultLine<AccountView>(.changed, nil)) == #"{"code":0,"event":"result"}"#)
    }

    @Test func `a failure carries the exit code, the time to come again, and the problem as the authority sent it`() {
        let error = AgentError(
            .wait, "The CA asks to wait.", until: Date(timeIntervalSince1970: 1_800_000_000),
            problem: Problem(.rateLimited, 429, "Too many\u{1B}[31m orders"))
        #expect(
            Terminal.json(FailureLine(error, name: "a.test")) == """
                {"code":4,"event":"failed","message":"The CA asks to wait.","name":"a.test","problem":{"detail":"Too many\\u001b[31m orders",\
                "status":429,"type":"urn:ietf:params:acme:error:rateLimited"},\
                "remedy":"Wait until the time that is named; meanwhile another CA can serve: `chancery ca order`. \
                `chancery ca show NAME` says what is left of its limits.","until":"2027-01-15T08:00:00Z"}
                """)
        #expect(
            Terminal.json(FailureLine(usageStatus, "Say a name.")) == #"{"code":64,"event":"failed","message":"Say a name."}"#)
    }

    @Test func `an event is one line of JSON`() {
        let event = AgentEvent.ordered(url: "https://ca.test/order/1", names: ["a.test"])
        #expect(Terminal.json(event) == #"{"event":"ordered","names":["a.test"],"order":"https://ca.test/order/1"}"#)
    }

    @Test func `list stands in columns and names the state`() {
        #expect(
            Report.table([summary]) == [
                "NAME    STATE  VALID UNTIL           AUTHORITY  NAMES",
                "a.test  valid  2026-12-31T23:59:59Z  ca.test    a.test,www.a.test",
            ])
        #expect(Report.table([]).isEmpty)
    }

    @Test(arguments: CatalogueEntry.all)
    func `each authority of the catalogue is told with its facts`(entry: CatalogueEntry) {
        let line = AuthorityCommand.List.line(
            AuthorityView(
                entry: entry, isStandard: false, hasAccount: false, isOwn: false, place: nil, health: Health(), budgets: [],
                hold: nil))
        #expect(line.hasPrefix(entry.name) && line.contains(entry.directory))
        #expect(entry.closed == line.contains("(closed)"))
        if !entry.closed { #expect(line.contains(entry.bindingNeeded ? "account binding needed" : "no account binding")) }
    }
}
