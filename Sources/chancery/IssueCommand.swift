import ACMEClient
import Agent
import ArgumentParser
import Foundation

struct IssueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "issue",
        abstract: "Gets a certificate and installs it in the store.",
        discussion: """
            Examples:
              chancery issue -d example.com -d www.example.com \\
                --webroot /var/www/html --agree-tos -m you@example.com
              chancery issue -d '*.example.com,example.com' \\
                --dns-hook /usr/local/bin/dns-record --agree-tos
              chancery issue --ca https://ca.internal:8443/acme/default/directory \\
                --ca-root root.pem -d app.internal --standalone --agree-tos
              chancery issue --ca zerossl --eab-kid KID --eab-hmac-key-file key.txt \\
                -d example.com --tls-alpn --agree-tos

            The certificate is live/NAME in the store, where NAME is the first name:
            privkey.pem, cert.pem, chain.pem and fullchain.pem. What is said here is
            kept, so that `chancery renew` needs no flags.
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var authority: AuthorityOption

    @Option(
        name: [.customShort("d"), .customLong("domain")], parsing: .singleValue,
        help: ArgumentHelp("A name for the certificate; again, or as a comma list, for more.", valueName: "name"))
    var domains: [String] = []

    @Option(
        help: ArgumentHelp(
            "A PEM file with the root that this authority's own server is trusted by. Remembered.", valueName: "file"),
        completion: .file())
    var caRoot: String?
    @Flag(help: "Agree to the authority's terms of service.") var agreeTos = false
    @OptionGroup var contact: ContactOption

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "An authority that renewals turn to when this one fails; again for more, in order. Remembered.",
            valueName: "url|name"))
    var fallbackCa: [String] = []

    @OptionGroup(title: "Proof of control (one of them)") var proof: ProofOptions

    @Option(help: ArgumentHelp("The kind of the certificate's key; p256 if nothing is said.", valueName: "type")) var keyType:
        KeyType?
    @Option(
        help: ArgumentHelp(
            "The common name of the root that the chain is to lead to, where the authority offers several. Remembered.",
            valueName: "name"))
    var preferredChain: String?
    @Option(
        help: ArgumentHelp(
            "A program that puts a new certificate to use. It finds RENEWED_LINEAGE and RENEWED_DOMAINS in its environment.",
            valueName: "program"), completion: .file())
    var deployHook: String?
    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "Where to put the certificate to use: \(InstallTarget.kinds.joined(separator: ", ")); again for more.",
            valueName: "target"))
    var install: [String] = []
    @OptionGroup var bound: BindingOptions
    @Flag(help: "Issue although the certificate is not due.") var force = false
    @OptionGroup var lookups: LookupOptions
    @Flag(help: "Prove control at the authority, then stop: nothing is issued or written.") var dryRun = false

    func validate() throws {
        if preferredChain?.isEmpty == true { throw ValidationError("--preferred-chain wants the name of a root.") }
        if names.isEmpty { throw ValidationError("Name at least one domain: -d example.com") }
    }

    var names: [String] {
        domains.flatMap { $0.split(separator: ",") }.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    func run() async throws {
        let agent = common.agent(resolvers: lookups.resolver)
        let outcome = try await common.reporting { () async throws(AgentError) in try await agent.issue(try request()) }
        Report(common).issued(outcome, name: names.first ?? "")
        try common.end(outcome.code)
    }

    /// The command line as the agent takes it.
    func request(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(AgentError) -> IssueRequest {
        var request = IssueRequest(names: names)
        (request.ca, request.caRoot, request.keyType) = (authority.ca, caRoot, keyType)
        request.contacts = contact.emails
        let agreed = agreeTos
        request.agreesToTerms = { _ in agreed }
        (request.method, request.deployHook, request.preferredChain) = (proof.method, deployHook, preferredChain)
        (request.force, request.preflight, request.dryRun) = (force, !lookups.noPreflight, dryRun)
        request.binding = try bound.binding(environment)
        if !install.isEmpty { request.targets = install }
        if !fallbackCa.isEmpty { request.fallbacks = fallbackCa }
        return request
    }
}

extension KeyType: ExpressibleByArgument {}
