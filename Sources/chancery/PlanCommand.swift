import ACME
import ACMEClient
import Agent
import ArgumentParser
import Foundation

struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Shows what will renew when and where, and what is at risk.",
        discussion: """
            Examples:
              chancery plan
              chancery plan --what-if 'ca letsencrypt down 5d'
              chancery plan --what-if 'ca google gone from 2027-03-01' --months 24
              chancery plan --ics > renewals.ics       for a calendar; again and again
              chancery plan --json | jq .risks

            Nobody is asked and nothing is changed: it is reckoned from what is on
            disk, by the rules of `renew` and `agent`. The exit code is 3 when
            something breaks unless a person acts, such as a certificate that expires
            under the supposition.
            """)

    @OptionGroup var common: CommonOptions
    @Option(help: ArgumentHelp("How far to look ahead, 1 to 60.", valueName: "months")) var months = 12
    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "What is supposed: 'ca NAME down 5d', 'ca NAME down 36h from 2027-03-01', 'ca NAME gone'. Again for more.",
            valueName: "text")) var whatIf: [String] = []
    @Flag(help: "Print a calendar (RFC 5545).") var ics = false

    func validate() throws {
        guard (1...60).contains(months) else { throw ValidationError("--months takes 1 to 60.") }
        guard !(ics && common.json) else { throw ValidationError("Choose one of --ics and --json.") }
    }

    func run() async throws {
        let agent = common.agent()
        var request = PlanRequest()
        (request.months, request.suppositions) = (months, whatIf)
        let plan = try await common.reporting { [request] () async throws(AgentError) in try agent.plan(request) }
        if ics { Terminal.print(agent.calendar(plan)) } else { common.show(plan, Self.lines(plan)) }
        try common.end(plan.code)
    }

    /// A heading, a table of renewals, then what is at risk.
    static func lines(_ plan: RenewalPlan) -> [String] {
        let total = plan.counts.values.reduce(0, +)
        var lines = [
            "\(plan.certificates) certificate\(plan.certificates == 1 ? "" : "s"), \(total) renewal\(total == 1 ? "" : "s") from \(day(plan.from)) to \(day(plan.until))."
        ]
        for outage in plan.outages {
            lines.append(
                "Supposed: \(outage.ca.sanitized) does not answer from \(RFC3339.string(outage.from)) \(outage.until.map { "to \(RFC3339.string($0))" } ?? "on")."
            )
        }
        if !plan.renewals.isEmpty {
            let shown = shortened(plan)
            let rows =
                [["WHEN", "CERTIFICATE", "AUTHORITY", "VALID UNTIL", "WHY"]]
                + shown.map { renewal in
                    let moved = renewal.movedFrom == nil ? "" : ", moved"
                    let late = renewal.delay >= 3600 ? ", \(Int(renewal.delay / 3600)) h late" : ""
                    return [
                        RFC3339.string(renewal.at), renewal.name, renewal.authority + moved, RFC3339.string(renewal.notAfter),
                        renewal.reason.words + late,
                    ]
                }
            lines += [""] + Report.columns(rows)
            for (name, count) in plan.counts.sorted(by: { $0.key < $1.key }) where count > perCertificate {
                lines.append("\(name): \(count) times in all, and so on in the same way.")
            }
        }
        if !plan.risks.isEmpty {
            lines += ["", "At risk:"]
            for risk in plan.risks {
                lines.append("\(risk.isGrave ? "!" : "-") \(risk.text)")
                lines.append("    \(risk.change)")
            }
        }
        return lines
    }

    /// So many renewals of one certificate stand in the table.
    private static let perCertificate = 13

    private static func shortened(_ plan: RenewalPlan) -> [RenewalPlan.Renewal] {
        var seen: [String: Int] = [:]
        return plan.renewals.filter { renewal in
            seen[renewal.name, default: 0] += 1
            let few = (plan.counts[renewal.name] ?? 0) <= perCertificate
            return few || seen[renewal.name, default: 0] <= 3
        }
    }

    private static func day(_ date: Date) -> String { String(RFC3339.string(date).prefix(10)) }
}
