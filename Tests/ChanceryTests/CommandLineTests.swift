import ACMEClient
import Agent
import ArgumentParser
import TestSupport
import Testing

@testable import chancery

/// What a command line becomes, and which ones are refused with a sentence that names the fix.
struct CommandLineTests {
    private func issue(_ line: String) throws -> IssueCommand {
        let parsed = try Chancery.parseAsRoot(line.split(separator: " ").map(String.init))
        return try #require(parsed as? IssueCommand)
    }

    @Test(arguments: [
        ("issue", "Name at least one domain"),
        ("issue -d ,", "Name at least one domain"),
        ("issue -d", "Missing value"),
        ("issue -d a.test --webroot w --standalone", "Choose one of --webroot, --standalone, --tls-alpn and --dns-hook"),
        ("issue -d a.test --tls-alpn --dns-hook h", "Choose one of"),
        ("issue -d a.test --standalone --http01-port 0", "1 to 65535"),
        ("issue -d a.test --standalone --http01-port 65536", "1 to 65535"),
        ("issue -d a.test --tls-alpn --tls-alpn01-port 70000", "1 to 65535"),
        ("issue -d a.test --standalone --http01-port many", "--http01-port"),
        ("issue -d a.test --webroot w --http01-port 81", "goes with --standalone"),
        ("issue -d a.test --standalone --tls-alpn01-port 444", "goes with --tls-alpn"),
        ("issue -d a.test --key-type dsa", "p256"),
        ("issue -d a.test -m nobody", "no mail address"),
        ("issue -d a.test --eab-hmac-key-file f", "--eab-kid"),
        ("issue -d a.test --bogus", "--bogus"),
        ("issue a.test", "-d example.com"),
        ("renew a.test b.test", "b.test"),
        ("revoke", "name"),
        ("revoke a.test --reason removeFromCRL", "superseded (4)"),
        ("revoke a.test --reason 9", "cessationOfOperation (5)"),
        ("revoke a.test --by me", "certificate-key"),
        ("show", "name"),
        ("account update", "--no-email"),
        ("account update -m a@example.com --no-email", "--no-email"),
        ("account bogus", "bogus"),
        ("ca add ours", "url"),
        ("ca use", "name"),
        ("ca order", "--none"),
        ("ca order a --none", "--none"),
        ("doctor --standalone", "without a certificate"),
        ("doctor a.test --webroot w --standalone", "Choose one of"),
        ("doctor a.test --resolver", "Missing value"),
        ("ca switch", "--from"),
        ("ca switch --from a", "--to"),
        ("ca switch --from a --to b --canary many", "canary"),
        ("ca switch --from a --to b --max-failures 101%", "max-failures"),
        ("ca switch --status --pause", "Say one of"),
        ("ca switch --resume --from a --to b", "stand alone"),
        ("plan --months 0", "1 to 60"),
        ("plan --months 61", "1 to 60"),
        ("plan --ics --json", "--ics"),
        ("plan --what-if", "Missing value"),
    ])
    func `a wrong command line is refused with exit code 64 and what to change`(line: String, says: String) {
        do {
            _ = try Chancery.parseAsRoot(line.split(separator: " ").map(String.init))
            Issue.record("parsed: \(line)")
        } catch {
            #expect(Chancery.exitCode(for: error).rawValue == usageStatus)
            #expect(Chancery.fullMessage(for: error).contains(says), "\(Chancery.fullMessage(for: error))")
        }
    }

    @Test(
        arguments: [
            ("issue -d a.test", nil),
            ("issue -d a.test --standalone", .standalone(port: 80)),
            ("issue -d a.test --standalone --http01-port 8081", .standalone(port: 8081)),
            ("issue -d a.test --tls-alpn", .tlsALPN(port: 443)),
            ("issue -d a.test --tls-alpn --tls-alpn01-port 5001", .tlsALPN(port: 5001)),
            ("issue -d a.test --webroot /srv/www", .webroot("/srv/www")),
            ("issue -d a.test --dns-hook ./hook", .dnsHook("./hook")),
        ] as [(String, ChallengeMethod?)])
    func `the proof is the one that was said, on its standard port`(line: String, method: ChallengeMethod?) throws {
        #expect(try issue(line).request(environment: [:]).method == method)
    }

    @Test func `names come repeated, in comma lists, or both, in the order typed`() throws {
        #expect(
            try issue("issue -d a.test,b.test -d c.test --domain ,d.test,").names == ["a.test", "b.test", "c.test", "d.test"])
    }

    @Test func `every flag of issue reaches the request`() async throws {
        let request = try issue(
            """
            issue --store s --json --ca ours --ca-root r.pem -d a.test -m a@example.com -m b@example.com --agree-tos --key-type rsa3072 \
            --deploy-hook ./deploy --preferred-chain Root --force --no-preflight --dry-run
            """
        ).request(environment: [:])
        #expect(request.ca == "ours" && request.caRoot == "r.pem" && request.deployHook == "./deploy")
        #expect(request.contacts == ["a@example.com", "b@example.com"] && request.keyType == .rsa3072)
        #expect(request.force && request.dryRun && !request.preflight && request.preferredChain == "Root")
        #expect(await request.agreesToTerms("https://ca.test/terms"))
        let plain = try issue("issue -d a.test").request(environment: [:])
        #expect(!plain.force && !plain.dryRun && plain.preflight && plain.ca == nil && plain.contacts.isEmpty)
        #expect(await !plain.agreesToTerms("https://ca.test/terms"))
    }

    @Test func `the MAC key of an account binding comes from a file or the environment, never from the command line`() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("key", "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA\n")
        #expect(try issue("issue -d a.test --eab-kid K --eab-hmac-key-file \(file)").request(environment: [:]).binding != nil)
        let variable = ["CHANCERY_EAB_HMAC_KEY": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"]
        #expect(try issue("issue -d a.test --eab-kid K").request(environment: variable).binding != nil)
        #expect(try issue("issue -d a.test").request(environment: variable).binding == nil)
        for (line, environment) in [
            ("issue -d a.test --eab-kid K", [:]),
            ("issue -d a.test --eab-kid K", ["CHANCERY_EAB_HMAC_KEY": "not base64!"]),
            ("issue -d a.test --eab-kid K --eab-hmac-key-file \(folder.path("none"))", [:]),
        ] as [(String, [String: String])] {
            #expect("\(line)") {
                _ = try issue(line).request(environment: environment)
            } throws: { ($0 as? AgentError)?.code == .needsPerson }
        }
    }

    private static let commands: [(words: String, type: any ParsableCommand.Type)] = [
        ("chancery", Chancery.self), ("chancery issue", IssueCommand.self), ("chancery renew", RenewCommand.self),
        ("chancery agent", AgentCommand.self),
        ("chancery revoke", RevokeCommand.self), ("chancery list", ListCommand.self), ("chancery show", ShowCommand.self),
        ("chancery account", AccountCommand.self),
        ("chancery account register", AccountCommand.Register.self), ("chancery account show", AccountCommand.Show.self),
        ("chancery account update", AccountCommand.Update.self), ("chancery account rollover", AccountCommand.Rollover.self),
        ("chancery account deactivate", AccountCommand.Deactivate.self), ("chancery ca", AuthorityCommand.self),
        ("chancery ca order", AuthorityCommand.Order.self), ("chancery ca test", AuthorityCommand.Test.self),
        ("chancery ca list", AuthorityCommand.List.self), ("chancery ca add", AuthorityCommand.Add.self),
        ("chancery ca use", AuthorityCommand.Use.self), ("chancery ca remove", AuthorityCommand.Remove.self),
        ("chancery ca switch", SwitchCommand.self), ("chancery ca drill", DrillCommand.self),
    ]

    @Test func `every command's help has an example that no terminal of 80 columns breaks`() {
        for (words, type) in Self.commands {
            let help = Chancery.helpMessage(for: type, columns: 80)
            #expect(help.contains("Example") && help.contains(words), "\(words)")
            for line in type.configuration.discussion.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
        }
    }

    @Test(
        arguments: [
            (["a.test", "*.a.test"], nil), (["bücher.test"], nil), ([], "At least one"), (["a b"], "no DNS name"),
            (["-a.test"], "no DNS name"),
            (["a.test", "10.0.0.1"], "10.0.0.1"),
        ] as [([String], String?)])
    func `the guide tells at once which name is none`(names: [String], says: String?) {
        let fault = Guide.fault(in: names)
        #expect((fault == nil) == (says == nil), "\(fault ?? "accepted")")
        if let says { #expect(fault?.contains(says) == true, "\(fault ?? "accepted")") }
    }
}
