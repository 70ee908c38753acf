import ACME
import ACMEClient
import Agent
import ArgumentParser
import Foundation

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the certificates of the store.",
        discussion: """
            Examples:
              chancery list
              chancery list --json | jq -r '.[] | select(.isDue) | .name'

            States: valid, due (the next `renew` acts), not served (the deploy hook
            failed), revoked.
            """)

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let agent = common.agent()
        let all = try await common.reporting { () async throws(AgentError) in try agent.list() }
        let good = all.compactMap { try? $0.result.get() }
        common.show(good, Report.table(good))
        if all.isEmpty && !common.json { Terminal.progress("There is no certificate in \(agent.store.path).") }
        var unreadable = false
        for entry in all {
            guard case .failure(let error) = entry.result else { continue }
            unreadable = true
            if common.json { Terminal.say(json: FailureLine(error, name: entry.name)) }
            Terminal.complain(error, name: entry.name)
        }
        if unreadable { try common.end(.failed) }
    }
}

struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows one certificate: files, times, and how to issue it again.",
        discussion: "Examples:\n  chancery show example.com\n  chancery show example.com --json")

    @OptionGroup var common: CommonOptions
    @Argument(help: "The certificate, by its first name.") var name: String

    private static func words(_ deployment: Deployment) -> String {
        "\(deployment.state.rawValue) at \(RFC3339.string(deployment.at))\(deployment.reason.map { ": \($0.sanitized)" } ?? "")"
    }

    func run() async throws {
        let agent = common.agent()
        let details = try await common.reporting { () async throws(AgentError) in try agent.show(name) }
        common.show(
            details,
            Report(common).lines(details.summary) + [
                "Authority:    \(details.summary.ca.sanitized)",
                "Key type:     \(details.keyType.rawValue)",
                "Proof:        \(details.method.how)",
                "Deploy hook:  \(details.deployHook ?? "none")",
                "Targets:      \(details.targets.isEmpty ? "none" : details.targets.joined(separator: "; ").sanitized)",
                "Deployment:   \(details.deployment.map(Self.words) ?? "none")",
                "Limits:       \(details.budgets.isEmpty ? "none known that the next order counts for" : details.budgets.map(\.words).joined(separator: "; ").sanitized)",
                "Revoked:      \(details.summary.revoked.map { RFC3339.string($0) } ?? "no")",
                "Again with:   \(shellLine(["chancery"] + details.command))",
            ])
    }
}
