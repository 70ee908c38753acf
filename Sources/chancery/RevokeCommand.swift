import ACMEClient
import Agent
import ArgumentParser

struct RevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Revokes a certificate of the store.",
        discussion: """
            Examples:
              chancery revoke example.com --reason superseded
              chancery revoke example.com --by certificate-key --reason keyCompromise

            The files stay; `renew` passes the certificate over from now on unless it
            is named.
            """)

    enum By: String, ExpressibleByArgument, CaseIterable {
        case account
        case certificateKey = "certificate-key"
    }

    @OptionGroup var common: CommonOptions
    @Argument(help: "The certificate, by its first name.") var name: String
    @Option(
        help: ArgumentHelp(
            "unspecified, keyCompromise, affiliationChanged, superseded or cessationOfOperation; or its number.",
            valueName: "reason"))
    var reason: String?
    @Option(help: ArgumentHelp("Who asks.", valueName: "who")) var by: By = .account

    func validate() throws {
        if let reason, RevocationReason(typed: reason) == nil {
            let known = RevocationReason.allCases.map { "\($0.rawValue) (\($0.code))" }.joined(separator: ", ")
            throw ValidationError("'\(reason.sanitized)' is no reason that a holder may give: \(known).")
        }
    }

    func run() async throws {
        let agent = common.agent()
        let code = try await common.reporting { () async throws(AgentError) in
            try await agent.revoke(
                name, by: by == .account ? .account : .certificateKey, reason: reason.flatMap(RevocationReason.init(typed:)))
        }
        let summary = (try? agent.show(name))?.summary
        let certificate = "\(summary?.name ?? name) (serial \(summary?.serial ?? "unknown"))"
        common.show(
            ResultLine(code, summary, name: summary?.name),
            [code == .nothingToDo ? "\(certificate) was revoked before." : "\(certificate) is revoked."])
        try common.end(code)
    }
}
