import ACME
import ACMEClient
import Agent
import ArgumentParser

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Looks for what stands in the way of certificates, and says what to change.",
        discussion: """
            Examples:
              chancery doctor                              all certificates
              chancery doctor example.com                  one of them
              chancery doctor new.example.com --webroot /var/www/html
              chancery doctor --json | jq '.findings[] | select(.severity=="trouble")'

            It looks at the store, the authorities, the clock, the DNS at each server of
            the zone, the way to the proof, and what servers show. Nothing is ordered or
            written. The exit code is 3 when there is trouble (!), 0 with warnings (-) and
            notes. It sees what this host sees: a firewall that lets this host pass may
            still stop the authority.
            """)

    @OptionGroup var common: CommonOptions
    @Argument(help: "Certificates, or names that there is none for yet.") var names: [String] = []
    @OptionGroup var authority: AuthorityOption
    @OptionGroup var proof: ProofOptions
    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("Whom to ask, instead of the host's resolvers; again for more.", valueName: "ip[:port]"))
    var resolver: [String] = []

    func validate() throws {
        if names.isEmpty, proof.method != nil || authority.ca != nil {
            throw ValidationError(
                "--ca and the proof are for names without a certificate: `chancery doctor new.example.com --standalone`.")
        }
    }

    func run() async throws {
        var request = DoctorRequest()
        (request.names, request.ca, request.method, request.resolvers) = (names, authority.ca, proof.method, resolver)
        let agent = common.agent(resolvers: resolver)
        let report = try await common.reporting { [request] () async throws(AgentError) in try await agent.examine(request) }
        common.show(report, Self.lines(report))
        try common.end(report.code)
    }

    static func lines(_ report: DoctorReport) -> [String] {
        func plural(_ count: Int, _ word: String, _ many: String) -> String { "\(count) \(count == 1 ? word : many)" }
        let seen = [
            plural(report.certificates, "certificate", "certificates"),
            plural(report.names, "name without one", "names without one"),
            plural(report.authorities, "authority", "authorities"),
        ].filter { !$0.hasPrefix("0 ") || $0.hasSuffix("certificates") }
        let counts = Finding.Severity.allCases.map { severity in report.findings.count { $0.severity == severity } }
        var lines: [String] = []
        for finding in report.findings {
            let mark =
                switch finding.severity {
                case .trouble: "!";
                case .warning: "-";
                case .note: "."
                }
            lines.append("\(mark) \(finding.place): \(finding.text)")
            if let change = finding.change { lines.append("    \(change)") }
        }
        lines.append(
            report.findings.isEmpty
                ? "Nothing stands in the way (\(seen.joined(separator: ", ")))."
                : "\(plural(counts[0], "trouble", "troubles")), \(plural(counts[1], "warning", "warnings")), \(plural(counts[2], "note", "notes")) (\(seen.joined(separator: ", ")))."
        )
        return lines
    }
}
