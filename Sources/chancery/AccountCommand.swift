import ACMEClient
import Agent
import ArgumentParser

struct AccountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account", abstract: "The account at an authority.",
        discussion: """
            Examples:
              chancery account register --ca letsencrypt --agree-tos -m ops@example.com
              chancery account show --ca letsencrypt
              chancery account update -m new@example.com
              chancery account rollover
              chancery account deactivate --ca ours

            Without --ca it is the default authority, which `chancery ca list` shows.
            """,
        subcommands: [Register.self, Show.self, Update.self, Rollover.self, Deactivate.self])

    struct Register: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes an account before there is anything to issue.",
            discussion: """
                Examples:
                  chancery account register --ca letsencrypt --agree-tos \\
                    -m ops@example.com
                  chancery account register --ca zerossl --eab-kid KID \\
                    --eab-hmac-key-file key.txt --agree-tos

                Renewals turn only to authorities that have one; see `chancery ca order`.
                """)
        @OptionGroup var common: CommonOptions
        @OptionGroup var authority: AuthorityOption
        @OptionGroup var contact: ContactOption
        @OptionGroup var bound: BindingOptions
        @Option(
            help: ArgumentHelp(
                "A PEM file with the root that this authority's own server is trusted by. Remembered.", valueName: "file"),
            completion: .file())
        var caRoot: String?
        @Flag(help: "Agree to the authority's terms of service.") var agreeTos = false

        func run() async throws {
            try await common.present { (agent) async throws(AgentError) in
                var request = IssueRequest(names: [])
                (request.ca, request.caRoot, request.contacts) = (authority.ca, caRoot, contact.emails)
                let agreed = agreeTos
                request.agreesToTerms = { _ in agreed }
                request.binding = try bound.binding()
                return try await agent.registerAccount(request)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Asks the authority for the account.", discussion: "Example: chancery account show --ca letsencrypt --json")
        @OptionGroup var common: CommonOptions
        @OptionGroup var authority: AuthorityOption

        func run() async throws {
            try await common.present { (agent) async throws(AgentError) in try await agent.showAccount(authority.ca) }
        }
    }

    struct Update: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Changes the account's contacts.",
            discussion: """
                Examples:
                  chancery account update -m ops@example.com
                  chancery account update --ca ours --no-email
                """)
        @OptionGroup var common: CommonOptions
        @OptionGroup var authority: AuthorityOption
        @OptionGroup var contact: ContactOption
        @Flag(help: "Remove all contacts.") var noEmail = false

        func validate() throws {
            guard contact.emails.isEmpty == noEmail else {
                throw ValidationError("Say -m MAIL, or --no-email to remove the contacts.")
            }
        }

        func run() async throws {
            try await common.present { (agent) async throws(AgentError) in
                try await agent.updateAccount(authority.ca, contacts: contact.emails)
            }
        }
    }

    struct Rollover: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives the account a new key.",
            discussion:
                "Example: chancery account rollover --ca letsencrypt\n\nAn interrupted roll-over is settled by the next command.")
        @OptionGroup var common: CommonOptions
        @OptionGroup var authority: AuthorityOption

        func run() async throws {
            try await common.present { (agent) async throws(AgentError) in try await agent.rollOverAccount(authority.ca) }
        }
    }

    struct Deactivate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ends the account for good.",
            discussion:
                """
                Example: chancery account deactivate --ca letsencrypt

                Certificates stay valid; the next issue makes a new account. Also for an
                account that the authority no longer knows.
                """
        )
        @OptionGroup var common: CommonOptions
        @OptionGroup var authority: AuthorityOption

        func run() async throws {
            let agent = common.agent()
            try await common.reporting { () async throws(AgentError) in try await agent.deactivateAccount(authority.ca) }
            common.show(ResultLine<AccountView>(.changed, nil), ["The account is deactivated."])
        }
    }
}

extension CommonOptions {
    /// Runs a command whose result is an account, and shows it.
    fileprivate func present(_ work: (CertificateAgent) async throws(AgentError) -> AccountView) async throws(AgentError) {
        let agent = agent()
        let view = try await reporting { () async throws(AgentError) in try await work(agent) }
        show(
            ResultLine(.changed, view),
            [
                "Authority:   \(view.ca.sanitized)", "Account:     \(view.url.sanitized)",
                "Status:      \(view.status.sanitized)",
                "Contacts:    \(view.contacts.isEmpty ? "none" : view.contacts.joined(separator: ", ").sanitized)",
                "Thumbprint:  \(view.thumbprint)",
            ])
    }
}
