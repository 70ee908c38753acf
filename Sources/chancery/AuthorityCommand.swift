import ACME
import ACMEClient
import Agent
import ArgumentParser

struct AuthorityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ca", abstract: "The authorities that can be chosen.",
        discussion: """
            Examples:
              chancery ca list
              chancery ca show letsencrypt
              chancery ca add ours https://ca.internal:8443/acme/default/directory \\
                --ca-root root.pem
              chancery ca use ours
              chancery ca order letsencrypt ours
              chancery ca test ours
              chancery ca drill
              chancery ca switch --from letsencrypt --to ours
              chancery ca remove ours
            """,
        subcommands: [
            List.self, AuthorityShowCommand.self, Add.self, Use.self, Order.self, Test.self, DrillCommand.self,
            SwitchCommand.self,
            Remove.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the authorities with plain facts.", discussion: "Example: chancery ca list --json")
        @OptionGroup var common: CommonOptions

        func run() async throws {
            let agent = common.agent()
            let all = try await common.reporting { () async throws(AgentError) in try agent.authorities() }
            common.show(all, all.map { Self.line($0) })
        }

        /// Name and title, then facts below them.
        static func line(_ view: AuthorityView) -> String {
            let entry = view.entry
            var marks: [String] = []
            if view.isStandard { marks.append("the default") }
            if view.hasAccount { marks.append("has an account") }
            if let place = view.place { marks.append("number \(place) of the order") }
            if let until = view.health.unwellUntil { marks.append("failed lately, passed over until \(RFC3339.string(until))") }
            if let until = view.hold { marks.append("asked to wait until \(RFC3339.string(until))") }
            if entry.closed { marks.append("closed") }
            let title = entry.title == entry.name ? "" : "  \(entry.title)"
            return
                "\(entry.name)\(title)\(marks.isEmpty ? "" : " (\(marks.joined(separator: ", ")))")\n    \(entry.directory.sanitized)"
                + "\n    \(view.isOwn ? "Named here with `ca add`." : facts(entry))"
                + view.budgets.filter { $0.used > 0 }.map { "\n    \($0.words.sanitized)." }.joined()
        }

        /// `account binding needed; wildcards; 90 days. Free.`
        static func facts(_ entry: CatalogueEntry) -> String {
            if entry.closed { return entry.note ?? "Closed." }
            let binding = entry.bindingNeeded ? "account binding needed" : "no account binding"
            let wildcards = entry.wildcards ? "wildcards" : "no wildcards"
            return "\(binding); \(wildcards); \(entry.lifetimes)." + (entry.note.map { " \($0)" } ?? "")
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives an authority a name.",
            discussion: """
                Example:
                  chancery ca add ours \\
                    https://ca.internal:8443/acme/default/directory --ca-root root.pem

                The name serves wherever --ca is taken. Given again, it means the new URL.
                """)
        @OptionGroup var common: CommonOptions
        @Argument(help: "Lower-case letters, digits and hyphens.") var name: String
        @Argument(help: "The directory's URL, https.") var url: String
        @Option(
            help: ArgumentHelp("A PEM file with the root that its server is trusted by.", valueName: "file"), completion: .file())
        var caRoot: String?

        func run() async throws {
            let agent = common.agent()
            try await common.reporting { () async throws(AgentError) in try await agent.addAuthority(name, url: url, root: caRoot)
            }
            common.show(ResultLine<AuthorityView>(.changed, nil), ["\(name) is \(url.sanitized)."])
        }
    }

    struct Use: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes an authority the default of `issue`.",
            discussion: "Example: chancery ca use letsencrypt-staging\n\nCertificates that are there stay with their authority.")
        @OptionGroup var common: CommonOptions
        @Argument(help: "A name that `ca list` shows, or a directory URL.") var name: String

        func run() async throws {
            let agent = common.agent()
            try await common.reporting { () async throws(AgentError) in try await agent.useAuthority(name) }
            common.show(ResultLine<AuthorityView>(.changed, nil), ["`chancery issue` uses \(name.sanitized) from now on."])
        }
    }

    struct Order: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sets the order in which renewals turn to authorities.",
            discussion: """
                Examples:
                  chancery ca order letsencrypt google ours
                  chancery ca order --none

                A renewal asks the certificate's own authority first, then these in their
                order, as far as they are well and there is an account: make one with
                `chancery account register`. The first one becomes the default of `issue`.
                """)
        @OptionGroup var common: CommonOptions
        @Argument(help: "Names that `ca list` shows, or directory URLs.") var names: [String] = []
        @Flag(help: "No renewal goes to another authority than its own.") var none = false

        func validate() throws {
            guard names.isEmpty == none else { throw ValidationError("Say the authorities in their order, or --none.") }
        }

        func run() async throws {
            let agent = common.agent()
            let without = try await common.reporting { () async throws(AgentError) in try await agent.orderAuthorities(names) }
            common.show(
                ResultLine<AuthorityView>(.changed, nil),
                [
                    none
                        ? "No renewal goes to another authority than its own."
                        : "Renewals turn to \(names.joined(separator: ", then ").sanitized)."
                ]
                    + without.map {
                        "There is no account at \($0.sanitized) yet: `chancery account register --ca \($0.sanitized)`."
                    })
        }
    }

    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Asks an authority for its directory and for the account.",
            discussion: "Examples:\n  chancery ca test letsencrypt\n  chancery ca test ours --json\n\nNothing is ordered.")
        @OptionGroup var common: CommonOptions
        @Argument(help: "A name that `ca list` shows, or a directory URL.") var name: String

        func run() async throws {
            let agent = common.agent()
            let found = try await common.reporting { () async throws(AgentError) in try await agent.testAuthority(name) }
            common.show(
                ResultLine(.changed, found),
                [
                    "Directory:       \(found.ca.sanitized)",
                    "Account:         \(found.account?.sanitized ?? "none")",
                    "Account binding: \(found.bindingRequired ? "required" : "not required")",
                    "Renewal advice:  \(found.renewalInfo ? "yes" : "no")",
                    "Profiles:        \(found.profiles.isEmpty ? "none" : found.profiles.joined(separator: ", ").sanitized)",
                ])
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forgets a name that `ca add` gave.",
            discussion:
                "Example: chancery ca remove ours\n\nIts account stays. Refused while something depends on it, which is told."
        )
        @OptionGroup var common: CommonOptions
        @Argument(help: "The name.") var name: String

        func run() async throws {
            let agent = common.agent()
            let code = try await common.reporting { () async throws(AgentError) in try await agent.removeAuthority(name) }
            common.show(
                ResultLine<AuthorityView>(code, nil),
                [code == .nothingToDo ? "No authority was given the name \(name.sanitized)." : "\(name) is forgotten."])
            try common.end(code)
        }
    }
}
