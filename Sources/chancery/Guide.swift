import ACME
import ACMEClient
import Agent
import ArgumentParser
import Foundation

/// The five steps of an ACME set-up for a person: names, authority, account key, proof, certificate.
struct Guide {
    private let common: CommonOptions
    private let agent: CertificateAgent

    init(_ common: CommonOptions) {
        self.common = common
        agent = common.agent()
    }

    func run() async throws {
        Terminal.say(
            "This gets a certificate. Ctrl-C ends it at any time; of an unfinished set-up nothing is kept but the account.")
        let names = try askNames()
        var request = IssueRequest(names: names)
        Terminal.say("\n2. Which authority signs it?")
        let chosen = try chooseAuthority()
        (request.ca, request.caRoot) = (chosen.ca, chosen.root)
        if chosen.bindingNeeded { request.binding = try askBinding() }
        if !chosen.hasAccount { request.contacts = try askContacts() }
        request.agreesToTerms = { terms in
            Terminal.say("   The authority's terms of service: \(terms.sanitized)")
            return Self.agrees("   Do you agree? (yes/no)")
        }
        // The guide looks the names up itself, and asks.
        request.preflight = false
        request.choose = { offered in await Self.chooseProof(offered) }
        Terminal.say("\n3. The account: its key pair lies here, and the authority's nonce is signed with it.")
        let outcome = try await agent.issue(request)
        if case .notDue = outcome {
            Terminal.say("\nThere is such a certificate already.")
        } else {
            Terminal.say("\n5. The certificate is there.")
        }
        Report(common).issued(outcome, name: names.first ?? "")
        if let name = names.first, let details = try? agent.show(name) {
            let root = chosen.root.map { ["--ca-root", absolutePath($0)] } ?? []
            Terminal.say("\nThe same as one command line:\n  \(shellLine(["chancery"] + details.command + root))")
            Terminal.say("A daily `chancery renew` keeps it valid.")
        }
        try common.end(outcome.code)
    }

    // MARK: The steps

    private func askNames() throws(AgentError) -> [String] {
        while true {
            let names = try Self.ask("\n1. Which names is it for? Commas between them; *.example.com for all below example.com")
                .split { $0 == "," || $0 == " " }.map(String.init)
            if let wrong = Self.fault(in: names) { Terminal.say("   \(wrong)") } else { return names }
        }
    }

    /// What is wrong with these names, if anything is.
    static func fault(in names: [String]) -> String? {
        if names.isEmpty { return "At least one name." }
        for name in names {
            do { _ = try DomainName.ascii(name) } catch { return "\(name.sanitized) is no DNS name: \(error.reason)" }
        }
        return nil
    }

    private struct Chosen {
        var ca: String
        var root: String?
        var bindingNeeded = false
        var hasAccount = false
    }

    private func chooseAuthority() throws(AgentError) -> Chosen {
        let views = try agent.authorities()
        for (index, view) in views.enumerated() {
            let facts = view.isOwn ? view.entry.directory.sanitized : AuthorityCommand.List.facts(view.entry)
            Terminal.say("   \(index + 1)  \(view.entry.title)\n      \(facts)")
        }
        Terminal.say("   \(views.count + 1)  my own authority at a URL")
        let standard = views.firstIndex { $0.isStandard }.map { "\($0 + 1)" } ?? "1"
        while true {
            let number = try Self.number("   Number", 1...views.count + 1, standard: standard)
            guard views.indices.contains(number - 1) else {
                let url = try Self.ask("   The URL of its directory (https://...)")
                let root = try Self.ask(
                    "   A PEM file with its root certificate (empty if it was given before, or the system trusts it)",
                    standard: "")
                return Chosen(ca: url, root: root.isEmpty ? nil : root)
            }
            let view = views[number - 1]
            guard !view.entry.closed else {
                Terminal.say("   \(view.entry.title) issues no new certificates. Choose another.")
                continue
            }
            return Chosen(
                ca: view.entry.name, bindingNeeded: view.entry.bindingNeeded && !view.hasAccount, hasAccount: view.hasAccount)
        }
    }

    private func askBinding() throws(AgentError) -> AccountBinding {
        let identifier = try Self.ask("   This authority binds accounts to its customers. The key identifier that it gave")
        while true {
            let file = try Self.ask("   The file with the MAC key that it gave")
            do throws(AgentError) { return try AccountBinding(keyIdentifier: identifier, file: file) } catch {
                Terminal.say("   \(error.message)")
            }
        }
    }

    private func askContacts() throws(AgentError) -> [String] {
        while true {
            let mail = try Self.ask("   A mail address for a new account (empty for none)", standard: "")
            if mail.isEmpty { return [] }
            if mail.contains("@") { return [mail] }
            Terminal.say("   That is no mail address.")
        }
    }

    /// - Returns: nil if the person ends it here.
    private static func chooseProof(_ offered: [OfferedChallenges]) async -> ChallengeMethod? {
        Terminal.say("\n4. The authority wants proof that you control the names. It offers:")
        for one in offered { Terminal.say("   \(one.name.sanitized): \(one.types.joined(separator: ", ").sanitized)") }
        let ways = ways(for: offered)
        guard !ways.isEmpty else {
            Terminal.say("   No way of proof serves all of these names. Issue them apart.")
            return nil
        }
        Terminal.say("   How is it answered here?")
        for (index, way) in ways.enumerated() { Terminal.say("   \(index + 1)  \(way.text)") }
        guard let number = try? number("   Number", 1...ways.count, standard: "1"), let method = try? ways[number - 1].make()
        else {
            return nil
        }
        guard method.type != .dns01 else { return method }
        let missing = await CertificateAgent.withoutAddress(offered.map(\.name))
        guard !missing.isEmpty else { return method }
        for (name, reason) in missing {
            Terminal.say(
                "   This host finds no address for \(name.sanitized) (\(reason)), and the authority connects to that address.")
        }
        return agrees("   Go on all the same? (yes/no)") ? method : nil
    }

    private struct Way {
        let text: String
        let make: () throws(AgentError) -> ChallengeMethod
    }

    /// The ways that serve every one of the names, the plainest first.
    private static func ways(for offered: [OfferedChallenges]) -> [Way] {
        let common = offered.dropFirst().reduce(into: Set(offered.first?.types ?? [])) { $0.formIntersection($1.types) }
        var ways: [Way] = []
        if common.contains("http-01") {
            ways.append(
                Way(text: "http-01: a web server here serves a folder, and a file is put there") { () throws(AgentError) in
                    .webroot(try folder("   The folder"))
                })
            ways.append(
                Way(text: "http-01: chancery answers itself on a port") { () throws(AgentError) in
                    .standalone(port: try number("   Port", 1...65535, standard: "80"))
                })
        }
        if common.contains("tls-alpn-01") {
            ways.append(
                Way(text: "tls-alpn-01: chancery answers itself on a port") { () throws(AgentError) in
                    .tlsALPN(port: try number("   Port", 1...65535, standard: "443"))
                })
        }
        if common.contains("dns-01") {
            ways.append(
                Way(text: "dns-01: a program sets a record (PROGRAM present|cleanup NAME VALUE)") { () throws(AgentError) in
                    .dnsHook(try program("   The program"))
                })
        }
        return ways
    }

    // MARK: Questions

    private static func ask(_ question: String, standard: String? = nil) throws(AgentError) -> String {
        while true {
            guard let answer = Terminal.ask(question, standard: standard) else {
                throw AgentError(.needsPerson, "Ended before all was said; nothing was issued.")
            }
            if !answer.isEmpty || standard != nil { return answer }
        }
    }

    private static func number(_ question: String, _ range: ClosedRange<Int>, standard: String) throws(AgentError) -> Int {
        while true {
            if let number = Int(try ask(question, standard: standard)), range.contains(number) { return number }
            Terminal.say("   A number from \(range.lowerBound) to \(range.upperBound).")
        }
    }

    private static func folder(_ question: String) throws(AgentError) -> String {
        while true {
            let path = try ask(question)
            var isFolder: ObjCBool = false
            if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue { return path }
            Terminal.say("   \(path.sanitized) is no folder.")
        }
    }

    private static func program(_ question: String) throws(AgentError) -> String {
        while true {
            let path = try ask(question)
            if FileManager.default.isExecutableFile(atPath: path) { return path }
            Terminal.say("   \(path.sanitized) is no program that can be run.")
        }
    }

    private static func agrees(_ question: String) -> Bool {
        ["yes", "y"].contains(Terminal.ask(question, standard: "no")?.lowercased() ?? "")
    }
}
