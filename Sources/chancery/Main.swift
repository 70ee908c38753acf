import Agent
import ArgumentParser
import Foundation

@main
enum Main {
    static func main() async {
        // A reader that goes away (`| head`) ends a write with an error and not the process in the middle of a change. A handler
        // that does nothing, since an ignored signal would stay ignored in the hooks.
        _ = signal(SIGPIPE) { _ in }
        await Interruption.guarding {
            do {
                var command = try Chancery.parseAsRoot()
                if var waiting = command as? any AsyncParsableCommand {
                    try await waiting.run()
                } else {
                    try command.run()
                }
            } catch let error as AgentError {
                if let status = Interruption.status { exit(status) }
                Terminal.complain(error)
                exit(error.code.rawValue)
            } catch {
                if let status = Interruption.status { exit(status) }
                leave(error)
            }
        }
        exit(0)
    }

    /// Ends as ArgumentParser does, with the failure also as JSON if that was asked for.
    private static func leave(_ error: any Error) -> Never {
        let code = Chancery.exitCode(for: error)
        // A bare exit code comes after a result that was told.
        if !code.isSuccess, !(error is ArgumentParser.ExitCode), CommandLine.arguments.contains("--json") {
            Terminal.say(json: FailureLine(code.rawValue, Chancery.message(for: error)))
        }
        Chancery.exit(withError: error)
    }
}

struct Chancery: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chancery",
        abstract: "Gets, renews and revokes certificates from any ACME authority.",
        discussion: """
            Without arguments, on a terminal, it asks for the names, the authority and
            the proof, and shows at the end the one command line that does the same.

            Examples:
              chancery
              chancery issue -d example.com --webroot /var/www/html --agree-tos
              chancery renew
              chancery agent
              chancery plan --what-if 'ca letsencrypt down 5d'
              chancery revoke example.com --reason superseded

            Exit codes: 0 changed or shown, 2 nothing to do, 3 needs a person, 4 the
            authority said wait, 5 installed but not served, 64 wrong command line,
            130 and 143 ended by Ctrl-C and SIGTERM, 1 anything else.
            """,
        version: chanceryVersion,
        subcommands: [
            IssueCommand.self, RenewCommand.self, AgentCommand.self, RevokeCommand.self, ListCommand.self, ShowCommand.self,
            PlanCommand.self, DoctorCommand.self, AccountCommand.self, AuthorityCommand.self,
        ])

    @OptionGroup var common: CommonOptions

    func run() async throws {
        guard !common.json else {
            throw ValidationError("--json goes with a command, such as `chancery list --json`.")
        }
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else {
            throw ValidationError(
                "Without a terminal nothing can be asked. Say a command, such as `chancery issue -d example.com` or `chancery renew`."
            )
        }
        try await Guide(common).run()
    }
}

let chanceryVersion = "0.1.0"
