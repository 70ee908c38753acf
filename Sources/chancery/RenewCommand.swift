import ACMEClient
import Agent
import ArgumentParser

struct RenewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "renew",
        abstract: "Renews what is due: as the authority advises, or at a third of the lifetime left.",
        discussion: """
            Examples:
              chancery renew                       for a timer, once or twice a day
              chancery renew example.com --force   although it is not due
              chancery renew --dry-run             would the proofs still pass?

            Each certificate is renewed as it was issued; the failure of one stops no
            other. A deploy hook that failed is run again. After failures the pauses
            grow, from a minute to a day; --force does not wait for their end. The
            exit code is 2 when nothing was due, else the gravest of the certificates'
            codes.
            """)

    @OptionGroup var common: CommonOptions
    @Argument(help: "One certificate; all that are due without it.") var name: String?
    @Flag(help: "Renew although not due, and without the pause that follows a failure.") var force = false
    @OptionGroup var lookups: LookupOptions
    @Flag(help: "Prove control at the authority, then stop: nothing is issued or written.") var dryRun = false

    func run() async throws {
        var request = RenewRequest()
        (request.name, request.force, request.preflight, request.dryRun) = (name, force, !lookups.noPreflight, dryRun)
        let agent = common.agent(resolvers: lookups.resolver)
        let report = try await common.reporting { [request] () async throws(AgentError) in try await agent.renew(request) }
        for entry in report.entries { Report(common).fared(entry) }
        if report.entries.isEmpty {
            common.show(ResultLine<CertificateSummary>(report.code, nil), ["There is nothing to renew in \(agent.store.path)."])
        }
        try common.end(report.code)
    }
}
