import ACME
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
              chancery issue -d example.com -d www.example.com --webroot /var/www/html --agree-tos -m you@example.com
              chancery issue -d '*.example.com,example.com' --dns-hook /usr/local/bin/dns-record --agree-tos
              chancery issue --ca https://ca.internal:8443/acme/default/directory --ca-root root.pem -d app.internal --standalone --agree-tos
              chancery issue --ca zerossl --eab-kid KID --eab-hmac-key-file key.txt -d example.com --tls-alpn --agree-tos

            The certificate is live/NAME in the store, where NAME is the first name: privkey.pem, cert.pem, chain.pem, fullchain.pem.
            What is said here is kept, so that `chancery renew` needs no flags.
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var authority: AuthorityOption

    @Option(
        name: [.customShort("d"), .customLong("domain")], parsing: .singleValue,
        help: ArgumentHelp("A name for the certificate; again, or as a comma list, for more.", valueName: "name"))
    var domains: [String] = []

    @Option(
        help: ArgumentHelp(
            "A PEM file with the root that this authority's own server is trusted by. Remembered.", valueName: "file"))
    var caRoot: String?
    @Flag(help: "Agree to the authority's terms of service.") var agreeTos = false
    @Option(
        name: [.customShort("m"), .customLong("email")], help: ArgumentHelp("A mail address for the account.", valueName: "mail"))
    var email: String?

    @OptionGroup(title: "Proof of control (one of them)") var proof: ProofOptions

    @Option(help: ArgumentHelp("p256, p384, p521, rsa2048, rsa3072 or rsa4096.", valueName: "type")) var keyType: KeyType?
    @Option(
        help: ArgumentHelp(
            "A program that puts a new certificate to use. It finds RENEWED_LINEAGE and RENEWED_DOMAINS in its environment.",
            valueName: "program"))
    var deployHook: String?
    @Option(help: ArgumentHelp("Account binding: the key identifier that the authority gave.", valueName: "kid")) var eabKid:
        String?
    @Option(
        help: ArgumentHelp("Account binding: a file with the MAC key; or it stands in CHANCERY_EAB_HMAC_KEY.", valueName: "file"))
    var eabHmacKeyFile: String?
    @Flag(help: "Issue although the certificate is not due.") var force = false
    @Flag(help: "No look-ups before the authority makes them.") var noPreflight = false
    @Flag(help: "Prove control at the authority, then stop: nothing is issued or written.") var dryRun = false

    func validate() throws {
        if names.isEmpty { throw ValidationError("Name at least one domain: -d example.com") }
        if (eabHmacKeyFile != nil) && eabKid == nil { throw ValidationError("--eab-hmac-key-file goes with --eab-kid KID.") }
    }

    var names: [String] {
        domains.flatMap { $0.split(separator: ",") }.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    func run() async throws {
        let agent = common.agent()
        let outcome = try await common.reporting { () async throws(AgentError) in try await agent.issue(try request()) }
        Report(common).issued(outcome)
        try common.end(outcome.code)
    }

    private func request() throws(AgentError) -> IssueRequest {
        var request = IssueRequest(names: names)
        (request.ca, request.caRoot, request.keyType) = (authority.ca, caRoot, keyType)
        request.contacts = email.map { [$0] } ?? []
        let agreed = agreeTos
        request.agreesToTerms = { _ in agreed }
        request.method = try proof.method()
        request.deployHook = deployHook
        (request.force, request.preflight, request.dryRun) = (force, !noPreflight, dryRun)
        request.binding = try binding()
        return request
    }

    private func binding() throws(AgentError) -> AccountBinding? {
        guard let eabKid else { return nil }
        let key: String
        if let file = eabHmacKeyFile {
            guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
                throw AgentError(.needsPerson, "The file \(file) of --eab-hmac-key-file cannot be read.")
            }
            key = text
        } else if let text = ProcessInfo.processInfo.environment["CHANCERY_EAB_HMAC_KEY"] {
            key = text
        } else {
            throw AgentError(
                .needsPerson, "--eab-kid goes with a MAC key: --eab-hmac-key-file FILE, or the variable CHANCERY_EAB_HMAC_KEY.")
        }
        do { return try AccountBinding(keyIdentifier: eabKid, key: key) } catch { throw AgentError(error) }
    }
}

/// How this host proves control of the names.
struct ProofOptions: ParsableArguments {
    @Option(help: ArgumentHelp("http-01 by a file below the folder that a web server serves.", valueName: "dir")) var webroot:
        String?
    @Flag(help: "http-01 by a server of chancery's own.") var standalone = false
    @Option(
        name: .customLong("http01-port"),
        help: ArgumentHelp("The port of --standalone; the authority comes to port 80 of the name.", valueName: "n"))
    var http01Port: Int = 80
    @Flag(name: .customLong("tls-alpn"), help: "tls-alpn-01 by a server of chancery's own.") var tlsALPN = false
    @Option(
        name: .customLong("tls-alpn01-port"),
        help: ArgumentHelp("The port of --tls-alpn; the authority comes to port 443 of the name.", valueName: "n"))
    var tlsALPN01Port: Int = 443
    @Option(
        help: ArgumentHelp(
            "dns-01 by a program, called as PROGRAM present|cleanup NAME VALUE. The one way for wildcards.", valueName: "program")
    )
    var dnsHook: String?

    func validate() throws {
        let chosen = [webroot != nil, standalone, tlsALPN, dnsHook != nil].filter { $0 }.count
        if chosen > 1 { throw ValidationError("Choose one of --webroot, --standalone, --tls-alpn and --dns-hook.") }
        for port in [http01Port, tlsALPN01Port] where !(1...65535).contains(port) {
            throw ValidationError("\(port) is no port: 1 to 65535.")
        }
    }

    /// Nil when none was said.
    func method() throws(AgentError) -> ChallengeMethod? {
        if let webroot { return .webroot(webroot) }
        if let dnsHook { return .dnsHook(dnsHook) }
        if standalone { return .standalone(port: http01Port) }
        if tlsALPN { return .tlsALPN(port: tlsALPN01Port) }
        return nil
    }
}

extension KeyType: ExpressibleByArgument {}
