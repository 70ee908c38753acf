import ACMEClient
import Agent
import ArgumentParser

struct AuthorityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ca", abstract: "The authorities that can be chosen.",
        discussion: """
            Examples:
              chancery ca list
              chancery ca add ours https://ca.internal:8443/acme/default/directory --ca-root root.pem
              chancery ca use ours
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

        static func line(_ view: AuthorityView) -> String {
            let entry = view.entry
            var facts = ["\(entry.title)", entry.directory.sanitized]
            if view.isStandard { facts.insert("the default", at: 0) }
            if view.hasAccount { facts.append("has an account") }
            return "\(entry.name)\(entry.closed ? " (closed)" : ""): \(facts.joined(separator: "; "))" + Self.facts(entry)
        }

        /// `\n    account binding needed; wildcards; 90 days. Free.`
        static func facts(_ entry: CatalogueEntry) -> String {
            let binding = entry.bindingNeeded ? "account binding needed" : "no account binding"
            let wildcards = entry.wildcards ? "wildcards" : "no wildcards"
            return "\n    \(binding); \(wildcards); \(entry.lifetimes)." + (entry.note.map { " \($0)" } ?? "")
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives an authority a name.",
            discussion: "Example: chancery ca add ours https://ca.internal:8443/acme/default/directory --ca-root root.pem")
        @OptionGroup var common: CommonOptions
        @Argument(help: "Lower-case letters, digits and hyphens.") var name: String
        @Argument(help: "The directory's URL, https.") var url: String
        @Option(help: ArgumentHelp("A PEM file with the root that its server is trusted by.", valueName: "file")) var caRoot:
            String?

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
            discussion: "Example: chancery ca use letsencrypt-staging\nCertificates that are there stay with their authority.")
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
            discussion: "Example: chancery ca remove ours\nIts account and certificates stay.")
        @OptionGroup var common: CommonOptions
        @Argument(help: "The name.") var name: String

        func run() async throws {
            let agent = common.agent()
            let code = try await common.reporting { () async throws(AgentError) in try await agent.removeAuthority(name) }
            common.show(
                ResultLine<AuthorityView>(code, nil),
                [code == .nothingToDo ? "There is no name \(name.sanitized)." : "\(name) is forgotten."])
            try common.end(code)
        }
    }
}
