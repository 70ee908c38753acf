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
            "This gets a certificate. End with Ctrl-D at any time; nothing is kept of an unfinished set-up but the account.\n")
        let names = try ask("1. Which names is it for? (commas between them, *.example.com for all below)")
            .split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        var request = IssueRequest(names: names)
        Terminal.say("\n2. Which authority signs it?")
        let chosen = try chooseAuthority()
        (request.ca, request.caRoot) = (chosen.ca, chosen.root)
        if chosen.bindingNeeded { request.binding = try askBinding() }
        let mail = try ask("   A mail address for the account (empty for none)", standard: "")
        request.contacts = mail.isEmpty ? [] : [mail]
        request.agreesToTerms = { terms in
            let answer = Terminal.ask(
                "   The terms of service are at \(terms.sanitized)\n   Do you agree? (yes/no)", standard: "no")
            return ["yes", "y"].contains(answer?.lowercased() ?? "")
        }
        request.choose = { offered in Self.chooseMethod(offered) }
        Terminal.say("\n3. The account's key pair is made here, and the authority's nonce is signed with it.")
        let outcome = try await agent.issue(request)
        Terminal.say("\n5. Done.")
        Report(common).issued(outcome)
        if let name = names.first, let details = try? agent.show(name) {
            var words = ["chancery"] + details.command
            if let mail = request.contacts.first { words += ["-m", mail] }
            Terminal.say("\nThe same as one command line:\n  \(shellLine(words + ["--agree-tos"]))")
            Terminal.say("A daily `chancery renew` keeps it valid.")
        }
        try common.end(outcome.code)
    }

    private func ask(_ question: String, standard: String? = nil) throws(AgentError) -> String {
        while true {
            guard let answer = Terminal.ask(question, standard: standard) else {
                throw AgentError(.needsPerson, "Ended before all was said; nothing was issued.")
            }
            if !answer.isEmpty || standard != nil { return answer }
        }
    }

    private func chooseAuthority() throws(AgentError) -> (ca: String, root: String?, bindingNeeded: Bool) {
        let views = try agent.authorities()
        for (index, view) in views.enumerated() {
            Terminal.say(
                "   \(index + 1)  \(view.entry.title)\(view.entry.closed ? " (closed)" : "")\(AuthorityCommand.List.facts(view.entry))"
            )
        }
        Terminal.say("   \(views.count + 1)  my own authority at a URL")
        let standard = views.firstIndex { $0.isStandard }.map { "\($0 + 1)" } ?? "1"
        while true {
            let answer = try ask("   Number", standard: standard)
            guard let number = Int(answer), (1...views.count + 1).contains(number) else { continue }
            if number == views.count + 1 {
                let url = try ask("   The URL of its directory (https://...)")
                let root = try ask("   A PEM file with its root certificate (empty if the system trusts it)", standard: "")
                return (url, root.isEmpty ? nil : root, false)
            }
            let view = views[number - 1]
            if view.entry.closed {
                Terminal.say("   \(view.entry.title) issues no new certificates. Choose another.")
                continue
            }
            return (view.entry.name, nil, view.entry.bindingNeeded && !view.hasAccount)
        }
    }

    private func askBinding() throws(AgentError) -> AccountBinding {
        let identifier = try ask("   This authority binds accounts to its customers. The key identifier that it gave")
        let file = try ask("   The file with the MAC key that it gave")
        guard let key = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw AgentError(.needsPerson, "The file \(file.sanitized) cannot be read.")
        }
        do { return try AccountBinding(keyIdentifier: identifier, key: key) } catch { throw AgentError(error) }
    }

    private static func chooseMethod(_ offered: [OfferedChallenges]) -> ChallengeMethod? {
        Terminal.say("\n4. The authority wants proof that you control the names. It offers:")
        for one in offered { Terminal.say("   \(one.name.sanitized): \(one.types.joined(separator: ", ").sanitized)") }
        let common = offered.reduce(into: Set(offered.first?.types ?? [])) { $0.formIntersection($1.types) }
        var ways: [(text: String, make: () -> ChallengeMethod?)] = []
        if common.contains("http-01") {
            ways.append(("http-01: a web server already serves a folder", { folder("   The folder").map { .webroot($0) } }))
            ways.append(("http-01: chancery answers itself on a port", { port(80).map { .standalone(port: $0) } }))
        }
        if common.contains("tls-alpn-01") {
            ways.append(("tls-alpn-01: chancery answers itself on a port", { port(443).map { .tlsALPN(port: $0) } }))
        }
        if common.contains("dns-01") {
            ways.append(
                (
                    "dns-01: a program sets the record (PROGRAM present|cleanup NAME VALUE)",
                    { folder("   The program").map { .dnsHook($0) } }
                ))
        }
        for (index, way) in ways.enumerated() { Terminal.say("   \(index + 1)  \(way.text)") }
        while !ways.isEmpty, let answer = Terminal.ask("   Number", standard: "1") {
            if let number = Int(answer), ways.indices.contains(number - 1) { return ways[number - 1].make() }
        }
        return nil
    }

    private static func folder(_ question: String) -> String? {
        while let answer = Terminal.ask(question) {
            if !answer.isEmpty { return answer }
        }
        return nil
    }

    private static func port(_ standard: Int) -> Int? {
        while let answer = Terminal.ask("   Port", standard: "\(standard)") {
            if let number = Int(answer), (1...65535).contains(number) { return number }
        }
        return nil
    }
}
