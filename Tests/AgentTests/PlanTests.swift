import ACME
import ACMEClient
import Foundation
import TestSupport
import Testing

@testable import Agent

/// What is foreseen, against what the agent then does, and against arithmetic by hand.
struct PlanTests {
    static let day = 86_400.0
    let folder: TemporaryFolder
    let time = SimulatedTime()

    init() throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path("www"), withIntermediateDirectories: true)
    }

    private func subject(_ lifetime: Double, pool: [String] = ["a"], age: Double = 0, advised: Date? = nil) -> Forecast.Subject {
        Forecast.Subject(
            name: "x.test", names: ["x.test"], ca: "a", pool: pool, notBefore: time.now - age,
            notAfter: time.now - age + lifetime - 1, advised: advised, installed: nil)
    }

    private func forecast(
        _ subject: Forecast.Subject, days: Double = 365, outages: [Outage] = [], health: [String: Health] = [:]
    ) -> Forecast {
        var forecast = Forecast(
            now: time.now, end: time.now + days * Self.day, outages: outages, health: health, title: { $0 })
        forecast.follow(subject)
        return forecast
    }

    @Test(arguments: [(90.0, 6), (47.0, 11), (6.0, 91), (1.0 / 24, 10_000)])
    func `a certificate renews each time when a third is left, whatever its lifetime`(days: Double, times: Int) {
        let found = forecast(subject(days * Self.day)).renewals
        #expect(found.count == times)
        for (index, renewal) in found.enumerated().prefix(20) {
            let expected = time.now + Double(index + 1) * days * Self.day * 2 / 3
            #expect(abs(renewal.at.timeIntervalSince(expected)) < 1)
            #expect(renewal.reason == .third && renewal.ca == "a" && renewal.movedFrom == nil && renewal.delay == 0)
            #expect(renewal.kinship == .replacement)
        }
    }

    @Test func `advice holds for the certificate that it is about, and its successor has none`() {
        let found = forecast(subject(90 * Self.day, advised: time.now + 10 * Self.day)).renewals
        #expect(found.first?.at == time.now + 10 * Self.day && found.first?.reason == .advised)
        #expect(found.dropFirst().first.map { $0.at == time.now + 70 * Self.day && $0.reason == .third } == true)
    }

    @Test func `what is due already, or paused after failures, renews now, or when the pause ends`() {
        #expect(forecast(subject(90 * Self.day, age: 80 * Self.day)).renewals.first?.at == time.now)
        var paused = subject(90 * Self.day, age: 80 * Self.day)
        paused.pausedUntil = time.now + 3600
        #expect(forecast(paused).renewals.first?.at == time.now + 3600)
    }

    @Test(arguments: [(5.0, false), (31.0, true)])
    func `an outage at the time of a renewal delays it, and is told when nothing valid is left`(days: Double, expires: Bool) {
        let due = time.now + 60 * Self.day
        let outage = Outage(ca: "a", from: due - 60, until: due + days * Self.day)
        let found = forecast(subject(90 * Self.day), outages: [outage])
        let renewal = found.renewals.first
        let late = renewal?.at.timeIntervalSince(due) ?? 0
        // A day is the longest pause.
        #expect(late >= days * Self.day && late < (days + 1) * Self.day, "\(late)")
        #expect(renewal?.delay == late)
        #expect(found.risks.map(\.kind) == (expires ? [.expires] : []))
        #expect(found.risks.allSatisfy { $0.isGrave })
    }

    @Test func `the next of the pool takes a renewal over, and the wanted one has the certificate back`() {
        let due = time.now + 60 * Self.day
        let outage = Outage(ca: "a", from: due - 60, until: due + 5 * Self.day)
        let found = forecast(subject(90 * Self.day, pool: ["a", "b"]), outages: [outage])
        #expect(found.risks.isEmpty)
        #expect(found.renewals.prefix(3).map(\.ca) == ["b", "a", "a"])
        #expect(found.renewals.prefix(3).map(\.movedFrom) == ["a", "b", nil])
        #expect(found.renewals.prefix(3).map(\.kinship) == [.new, .new, .replacement])
        #expect(found.renewals.allSatisfy { $0.delay == 0 })
    }

    @Test func `a CA that is gone for good, without another, is an expiry without end`() {
        let found = forecast(subject(90 * Self.day), outages: [Outage(ca: "a", from: time.now, until: nil)])
        #expect(found.renewals.isEmpty && found.risks.map(\.kind) == [.expires])
        #expect(found.risks.first?.at == time.now + 90 * Self.day - 1)
        #expect(forecast(subject(90 * Self.day, pool: [])).risks.map(\.kind) == [.expires])
    }

    @Test func `a CA that failed lately waits for its pause, unless another is well or time is short`() {
        var unwell = Health()
        unwell.failed(at: time.now, "no answer", until: nil, chance: 0)
        let until = unwell.unwellUntil ?? time.now
        let aged = subject(90 * Self.day, age: 70 * Self.day)
        #expect(forecast(aged, health: ["a": unwell]).renewals.first?.at == until)
        var two = aged
        two.pool = ["a", "b"]
        #expect(forecast(two, health: ["a": unwell]).renewals.first?.ca == "b")
        #expect(forecast(subject(90 * Self.day, age: 85 * Self.day), health: ["a": unwell]).renewals.first?.at == time.now)
    }

    @Test func `lifetimes of public CAs shrink on the days that are known`() {
        func days(_ ca: String, _ date: String) -> Double? {
            (try? RFC3339.date("\(date)T00:00:00Z")).flatMap { LifetimeCap.of(ca, at: $0) }.map { $0 / Self.day }
        }
        let (mine, theirs) = (CatalogueEntry.all[0].directory, "https://acme.zerossl.com/v2/DV90")
        #expect(days(mine, "2026-11-27") == 90 && days(mine, "2027-02-10") == 64 && days(mine, "2028-02-16") == 45)
        #expect(days(theirs, "2026-11-27") == 200 && days(theirs, "2027-03-15") == 100 && days(theirs, "2029-03-15") == 47)
        #expect(days("https://own.test/dir", "2029-03-15") == nil)
    }

    @Test func `certificates that move to a CA on one day meet its limits, replacements do not`() {
        let ca = CatalogueEntry.all[0].directory
        func renewals(_ kinship: Kinship) -> [RenewalPlan.Renewal] {
            (0..<60).map { index in
                RenewalPlan.Renewal(
                    name: "n\(index).example.com", at: time.now + Double(index), reason: .third, ca: ca, authority: "le",
                    movedFrom: nil,
                    before: time.now + 30 * Self.day, notAfter: time.now + 90 * Self.day, delay: 0, kinship: kinship)
            }
        }
        let limits = LimitForecast(domains: RegisteredDomain(list: ""), title: { _ in "le" }, before: [:])
        let risks = limits.risks(renewals(.new), names: [:])
        #expect(risks.map(\.kind) == [.limit])
        #expect(risks.first?.name == "n45.example.com", "a tenth of 50 is left to people")
        #expect(risks.first?.text.contains("50 certificates below example.com in 7 days") == true)
        #expect(risks.first?.isGrave == false)
        var short = renewals(.new)
        short = short.map { renewal in
            RenewalPlan.Renewal(
                name: renewal.name, at: renewal.at, reason: .third, ca: ca, authority: "le", movedFrom: nil,
                before: time.now + Self.day,
                notAfter: renewal.notAfter, delay: 0, kinship: .new)
        }
        let grave = limits.risks(short, names: [:])
        #expect(grave.map(\.isGrave) == [true] && grave.first?.name == "n50.example.com")
        for spared in [Kinship.renewal, .replacement] { #expect(limits.risks(renewals(spared), names: [:]).isEmpty) }
        let used = (0..<40).map { Counted(at: time.now - 3600 - Double($0), kind: .certificates, key: "example.com") }
        let after = LimitForecast(domains: RegisteredDomain(list: ""), title: { _ in "le" }, before: [ca: used])
        #expect(after.risks(renewals(.new), names: [:]).first?.name == "n5.example.com")
    }

    @Test func `the registered domain is what the list says, or the last two labels`() {
        let domains = RegisteredDomain(
            list: "// comment\ncom\nuk\nco.uk\n*.ck\n!www.ck\ngithub.io\nio\n公司.cn\ncn\n")
        for (name, expected) in [
            ("a.b.example.com", "example.com"), ("*.example.com", "example.com"), ("a.example.co.uk", "example.co.uk"),
            ("co.uk", "co.uk"), ("x.y.foo.ck", "y.foo.ck"), ("a.www.ck", "www.ck"), ("me.github.io", "me.github.io"),
            ("a.unknown", "a.unknown"), ("b.a.unknown", "a.unknown"), ("a.b.xn--55qx5d.cn", "b.xn--55qx5d.cn"),
            ("single", "single"),
        ] { #expect(domains.of(name) == expected, "\(name)") }
        #expect(RegisteredDomain(list: "").of("a.b.co.uk") == "co.uk")
    }

    @Test func `a supposition is read, or refused with how it is written`() throws {
        let said = try OutageText("ca letsencrypt down 5d")
        #expect(said.ca == "letsencrypt" && said.length == 5 * Self.day && said.from == nil)
        let later = try OutageText("ca  https://x.test/dir down 36h from 2027-03-01")
        #expect(later.length == 129_600 && later.from.map(RFC3339.string) == "2027-03-01T00:00:00Z")
        #expect(try OutageText("ca google gone").length == nil)
        for wrong in [
            "", "ca", "ca x", "ca x down", "ca x down 5", "ca x down 5y", "ca x down -5d", "ca x down +5d", "ca x down 0d",
            "x down 5d",
            "ca x down 5d from tomorrow", "ca x gone 5d", "ca x down 99999999999999999999d", "ca x down 9999d",
        ] {
            do {
                _ = try OutageText(wrong)
                Issue.record("taken: \(wrong)")
            } catch { #expect(error.message.contains("ca NAME down 5d")) }
        }
    }

    // MARK: The store

    private func twoCAs(_ isDown: @escaping @Sendable () -> Bool) async throws -> (first: FakeCA, second: FakeCA) {
        var faults = FakeCA.Faults()
        faults.refuseOrder = { _ in isDown() ? WireAnswer(status: 502, body: Array("<html>".utf8)) : nil }
        return (
            try await FakeCA(time, faults, base: "https://one.test"), try await FakeCA(time, base: "https://two.test")
        )
    }

    /// The agent is let live through the same months, with the outage that was supposed, and must do what was foreseen.
    @Test func `the plan is what the agent then does`() async throws {
        let start = time.now
        let clock = time
        let down = (from: start + 3.9 * Self.day, until: start + 9 * Self.day)
        let (first, second) = try await twoCAs { clock.now >= down.from && clock.now < down.until }
        let agent = FakeCA.agent(folder.path("store"), [first, second])
        var account = IssueRequest(names: [])
        account.ca = second.directory
        account.agreesToTerms = { _ in true }
        _ = try await agent.registerAccount(account)
        var wanted = first.request(folder)
        wanted.fallbacks = [second.directory]
        _ = try await agent.issue(wanted)
        var request = PlanRequest()
        (request.months, request.suppositions) = (1, ["ca https://one.test/dir down 122h from \(RFC3339.string(down.from))"])
        let plan = try agent.plan(request)
        #expect(plan.code == .changed && plan.risks.isEmpty, "\(plan.risks)")
        #expect(plan.certificates == 1 && plan.counts == ["a.test": plan.renewals.count])

        var done: [(at: Date, ca: String)] = []
        var pass = RenewRequest()
        (pass.preflight, pass.isWatching) = (false, true)
        while time.now < plan.until - 3600 {
            let report = try await agent.renew(pass)
            if report.code == .changed, !report.entries.isEmpty {
                done.append((time.now, try agent.show("a.test").summary.ca))
            }
            time.advance(max(1, min(900, report.next?.timeIntervalSince(time.now) ?? 900)))
        }
        #expect(done.count >= 6 && done.map(\.ca) == plan.renewals.prefix(done.count).map(\.ca))
        for (real, foreseen) in zip(done, plan.renewals) {
            #expect(abs(real.at.timeIntervalSince(foreseen.at)) < 3600 * 3, "\(real) \(foreseen)")
        }
    }

    @Test func `what is the matter today is told with what to change`() async throws {
        let (first, second) = try await twoCAs { false }
        let agent = FakeCA.agent(folder.path("store"), [first, second])
        _ = try await agent.issue(first.request(folder))
        func risks() throws -> [RenewalPlan.Risk] { try agent.plan(PlanRequest()).risks }
        #expect(try risks().map(\.kind) == [.noBackup])
        var lineage = try #require(try agent.store.lineage("a.test"))
        lineage.served = false
        try agent.store.update(lineage)
        agent.note(.failed("the disk is full"), of: "a.test", ca: first.directory, lifetime: 86_400)
        #expect(try Set(risks().map(\.kind)) == [.noBackup, .notServed, .failing])
        #expect(try agent.plan(PlanRequest()).code == .needsPerson)
        var account = IssueRequest(names: [])
        account.ca = second.directory
        _ = try await agent.registerAccount(account)
        _ = try await agent.orderAuthorities([first.directory, second.directory])
        #expect(try !risks().contains { $0.kind == .noBackup })
        var record = try #require(try agent.store.accountRecord(first.directory))
        record.deactivated = time.now
        try agent.store.save(record)
        #expect(try risks().contains { $0.kind == .noAccount && !$0.isGrave })
        #expect(try agent.plan(PlanRequest()).renewals.allSatisfy { $0.ca == second.directory })
        try Data("{".utf8).write(to: URL(fileURLWithPath: folder.path("store/live/a.test/lineage.json")))
        #expect(try risks().map(\.kind) == [.unreadable])
        do {
            var request = PlanRequest()
            request.suppositions = ["ca nobody down 1d"]
            _ = try agent.plan(request)
            Issue.record("a CA that nobody knows")
        } catch { #expect(error.message.contains("nobody")) }
    }

    @Test func `a plan asks nobody, writes nothing, and takes ten thousand certificates at once`() async throws {
        let (first, _) = try await twoCAs { false }
        let agent = FakeCA.agent(folder.path("store"), [first])
        _ = try await agent.issue(first.request(folder))
        let lineage = try #require(try agent.store.lineage("a.test"))
        let (asked, listing) = (first.requests.count, try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted())
        _ = try agent.plan(PlanRequest())
        #expect(first.requests.count == asked)
        #expect(try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted() == listing)
        var forecast = Forecast(
            now: time.now, end: time.now + 365 * Self.day, outages: [], health: [:], title: { $0 })
        for index in 0..<10_000 {
            var subject = subject(90 * Self.day)
            subject.name = "n\(index).test"
            forecast.follow(subject)
        }
        #expect(forecast.renewals.count == 60_000 && lineage.served)
    }

    // MARK: The calendar

    private func calendar() -> (plan: RenewalPlan, text: String) {
        var found = forecast(subject(90 * Self.day, pool: []))
        found.follow(subject(90 * Self.day))
        var plan = RenewalPlan(
            from: time.now, until: time.now + 365 * Self.day, certificates: 1, outages: [], renewals: found.renewals, counts: [:],
            risks: found.risks)
        plan.risks.append(
            RenewalPlan.Risk(
                kind: .failing, isGrave: false, name: "x.test", ca: nil, at: time.now,
                text: "Ünïcode, semicolons; back\\slashes\nand lines: \(String(repeating: "ä", count: 200))", change: "None."))
        return (plan, PlanCalendar.text(plan, store: "/s", product: "chancery/1"))
    }

    @Test func `the calendar keeps RFC 5545's grammar: CRLF, folded at 75 octets, no character broken, text escaped`() {
        let (plan, text) = calendar()
        #expect(text.hasSuffix("END:VCALENDAR\r\n") && !text.replacing("\r\n", with: "").contains(where: \.isNewline))
        let lines = text.components(separatedBy: "\r\n").dropLast()
        #expect(lines.allSatisfy { $0.utf8.count <= 75 && !$0.isEmpty })
        let unfolded = text.replacing("\r\n ", with: "").components(separatedBy: "\r\n").dropLast()
        #expect(unfolded.allSatisfy { $0.prefixMatch(of: /[A-Z-]+:./) != nil })
        #expect(
            unfolded.contains { $0.contains("semicolons\\; back\\\\slashes\\nand lines: \(String(repeating: "ä", count: 200))") })
        let identifiers = unfolded.filter { $0.hasPrefix("UID:") }
        #expect(identifiers.count == plan.renewals.count + plan.risks.count && Set(identifiers).count == identifiers.count)
        #expect(PlanCalendar.text(plan, store: "/s", product: "chancery/1") == text, "the same plan, the same calendar")
        #expect(!PlanCalendar.text(plan, store: "/t", product: "chancery/1").contains(identifiers[0]))
    }

    private static func knowsCalendars() async -> Bool {
        (try? await Program.run("/usr/bin/python3", ["-c", "import icalendar"]))?.status == 0
    }

    @Test(.enabled("python3-icalendar is not installed") { await knowsCalendars() })
    func `an independent program reads the calendar as it was meant`() async throws {
        let (plan, text) = calendar()
        let file = try folder.write("plan.ics", text)
        let output = try await Program.succeed(
            "/usr/bin/python3",
            [
                "-c",
                """
                import icalendar, sys
                c = icalendar.Calendar.from_ical(open(sys.argv[1], 'rb').read())
                for e in c.walk('VEVENT'):
                    print(e.decoded('dtstart').strftime('%Y-%m-%dT%H:%M:%SZ'), str(e['summary']), repr(str(e['description'])[:40]), e.decoded('duration').seconds)
                """, file,
            ])
        let lines = output.split(separator: "\n")
        #expect(lines.count == plan.renewals.count + plan.risks.count)
        #expect(lines.first?.hasPrefix("\(RFC3339.string(plan.renewals[0].at)) Renew x.test at a") == true)
        #expect(lines.last?.contains("Ünïcode, semicolons; back\\\\slashes\\nand") == true, "\(output)")
        #expect(lines.allSatisfy { $0.hasSuffix(" 900") })
    }
}
