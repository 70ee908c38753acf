import ACME
import ACMEClient
import Agent
import ArgumentParser

/// `ca show`
struct AuthorityShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows one authority: its health, its limits, and what is left of them.",
        discussion: """
            Examples:
              chancery ca show letsencrypt
              chancery ca show letsencrypt --json | jq .view.budgets

            Nobody is asked: it is what was noted here. What other machines asked
            with the same account is not known.
            """)
    @OptionGroup var common: CommonOptions
    @Argument(help: "A name that `ca list` shows, or a directory URL.") var name: String

    func run() async throws {
        let agent = common.agent()
        let found = try await common.reporting { () async throws(AgentError) in try agent.authority(name) }
        common.show(found, Self.lines(found))
    }

    static func lines(_ found: AuthorityDetails) -> [String] {
        let (health, names) = (
            found.view.health,
            ["orders": "orders", "certificates": "certificates", "failures": "failed validations", "accounts": "new accounts"]
        )
        let asked = names.keys.sorted().compactMap { key in found.asked[key].map { "\($0) \(names[key] ?? key)" } }
        let rate = health.errorRate.map { "\(Int(($0 * 100).rounded())) % of its last \(health.recent.count) attempts failed" }
        var lines = [
            AuthorityCommand.List.line(found.view),
            "Certificates: \(found.certificates)",
            "Health:       \(rate ?? "never asked")\(health.unwellUntil == nil ? "" : "; \(health.reason?.sanitized ?? "")")",
            "Last 7 days:  \(asked.isEmpty ? "nothing" : asked.joined(separator: ", "))",
        ]
        if found.limits.isEmpty {
            lines.append("Limits:       it publishes none")
        } else {
            lines += ["Limits:"] + found.limits.map { "    \($0.count) \($0.kind.words(nil)) in \($0.period)" }
            lines += ["Left:"] + found.view.budgets.map { "    \($0.words.sanitized)" }
        }
        return lines
    }
}
