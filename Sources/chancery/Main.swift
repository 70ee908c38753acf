import Agent
import ArgumentParser
import Foundation

@main
enum Main {
    static func main() async {
        // A reader that goes away (`| head`) ends a write with an error and not the process in the middle of a change.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try Chancery.parseAsRoot()
            if var waiting = command as? any AsyncParsableCommand {
                try await waiting.run()
            } else {
                try command.run()
            }
        } catch let error as AgentError {
            Terminal.complain(error)
            exit(error.code.rawValue)
        } catch {
            Chancery.exit(withError: error)
        }
    }
}

struct Chancery: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chancery",
        abstract: "Gets, renews and revokes certificates from any ACME authority.",
        discussion: """
            Without arguments, on a terminal, it asks: for the names, for the authority, for the proof. What it did is shown as one
            command line at the end. The same without questions:

              chancery issue -d example.com -d www.example.com --webroot /var/www/html --agree-tos -m you@example.com
              chancery renew                 all that are due; for a daily timer
              chancery revoke example.com --reason superseded

            Exit codes: 0 changed, 2 nothing to do, 3 needs a person, 4 the authority said wait, 5 installed but not served,
            1 other, 64 wrong command line.
            """,
        version: chanceryVersion,
        subcommands: [
            IssueCommand.self, RenewCommand.self, RevokeCommand.self, ListCommand.self, ShowCommand.self, AccountCommand.self,
            AuthorityCommand.self,
        ])

    @OptionGroup var common: CommonOptions

    func run() async throws {
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1, !common.json else {
            throw CleanExit.helpRequest(self)
        }
        try await Guide(common).run()
    }
}

let chanceryVersion = "0.1.0"
