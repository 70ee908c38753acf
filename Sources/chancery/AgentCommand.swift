import ACME
import Agent
import ArgumentParser

struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Keeps all certificates of the store valid until it is stopped.",
        discussion: """
            Examples:
              chancery agent                    as a service; see packaging/systemd
              chancery agent --json             every step as a line of JSON

            It does what `chancery renew` does, each certificate at its own time: as
            its authority advises (ARI, RFC 9773), else when a third of its lifetime
            is left, and when a tenth is left whatever is advised. It remembers on
            disk, so that it may be stopped and started at any time. SIGTERM and
            Ctrl-C end it with code 0.
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var lookups: LookupOptions

    func run() async throws {
        var request = RenewRequest()
        request.preflight = !lookups.noPreflight
        let common = common
        await common.agent(resolvers: lookups.resolver).watch(request) { report in
            for entry in report.entries { Report(common).fared(entry) }
        }
    }
}
