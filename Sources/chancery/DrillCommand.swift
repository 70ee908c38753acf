import ACMEClient
import Agent
import ArgumentParser

/// `ca drill`.
struct DrillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drill", abstract: "Has backup authorities issue a certificate, and throws it away.",
        discussion: """
            Examples:
              chancery ca drill                     every backup authority, once
              chancery ca drill --ca ours example.com

            Account, order, proof and certificate as in need, but nothing is installed:
            so that a backup is tested and not hoped for. `chancery agent` does it once a
            month. The exit code is the gravest of the authorities'.
            """)
    @OptionGroup var common: CommonOptions
    @OptionGroup var authority: AuthorityOption
    @Argument(help: "The certificate whose names are used; one that has the authority as its backup without it.") var name:
        String?
    @OptionGroup var lookups: LookupOptions

    func run() async throws {
        let agent = common.agent(resolvers: lookups.resolver)
        let results = try await common.reporting { () async throws(AgentError) in
            try await agent.drill(authority.ca, name: name, preflight: !lookups.noPreflight)
        }
        let code = Agent.ExitCode.gravest(of: results.map(\.code))
        common.show(ResultLine(code, results), results.map(Self.line))
        try common.end(code)
    }

    static func line(_ result: DrillResult) -> String {
        let seconds = Int(result.seconds.rounded())
        return if let serial = result.serial {
            "\(result.ca.sanitized): would take over \(result.name) (\(seconds) s; serial \(serial) was thrown away)."
        } else {
            "\(result.ca.sanitized): would not take over \(result.name). \((result.reason ?? "").sanitized)"
        }
    }
}
