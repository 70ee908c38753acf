import ACMEClient
import Agent
import ArgumentParser

struct AuthorityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ca", abstract: "The authorities that can be chosen.",
        discussion: """
            Examples:
              chancery ca list
              chancery ca add ours https://ca.internal:8443/acme/default/directory \\
                --ca-root root.pem
              chancery ca use ours
              chancery ca remove ours
            """,
        subcommands: [List.self, Add.self, Use.self, Remove.self])

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
            if entry.closed { marks.append("closed") }
            let title = entry.title == entry.name ? "" : "  \(entry.title)"
            return
                "\(entry.name)\(title)\(marks.isEmpty ? "" : " (\(marks.joined(separator: ", ")))")\n    \(entry.directory.sanitized)"
                + "\n    \(view.isOwn ? "Named here with `ca add`." : facts(entry))"
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

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forgets a name that `ca add` gave.",
            discussion: "Example: chancery ca remove ours\n\nIts account and certificates stay.")
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
