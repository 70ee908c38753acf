import Agent
import ArgumentParser

/// How this host proves control of the names.
struct ProofOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("http-01 by a file below the folder that a web server serves.", valueName: "dir"),
        completion: .directory)
    var webroot: String?

    @Flag(help: "http-01 by a server of chancery's own.") var standalone = false

    @Option(
        name: .customLong("http01-port"),
        help: ArgumentHelp("The port of --standalone (80); the authority comes to port 80 of the name.", valueName: "n"))
    var http01Port: Int?

    @Flag(name: .customLong("tls-alpn"), help: "tls-alpn-01 by a server of chancery's own.") var tlsALPN = false

    @Option(
        name: .customLong("tls-alpn01-port"),
        help: ArgumentHelp("The port of --tls-alpn (443); the authority comes to port 443 of the name.", valueName: "n"))
    var tlsALPN01Port: Int?

    @Option(
        help: ArgumentHelp(
            "dns-01 by a program, called as PROGRAM present|cleanup NAME VALUE. The one way for wildcards.", valueName: "program"),
        completion: .file())
    var dnsHook: String?

    func validate() throws {
        let chosen = [webroot != nil, standalone, tlsALPN, dnsHook != nil].filter { $0 }.count
        if chosen > 1 { throw ValidationError("Choose one of --webroot, --standalone, --tls-alpn and --dns-hook.") }
        for port in [http01Port, tlsALPN01Port].compactMap({ $0 }) where !(1...65535).contains(port) {
            throw ValidationError("\(port) is no port: 1 to 65535.")
        }
        if http01Port != nil, !standalone { throw ValidationError("--http01-port goes with --standalone.") }
        if tlsALPN01Port != nil, !tlsALPN { throw ValidationError("--tls-alpn01-port goes with --tls-alpn.") }
        if webroot?.isEmpty == true { throw ValidationError("--webroot wants a folder.") }
        if dnsHook?.isEmpty == true { throw ValidationError("--dns-hook wants a program.") }
    }

    /// Nil when none was said.
    var method: ChallengeMethod? {
        if let webroot { return .webroot(webroot) }
        if let dnsHook { return .dnsHook(dnsHook) }
        if standalone { return .standalone(port: http01Port ?? 80) }
        if tlsALPN { return .tlsALPN(port: tlsALPN01Port ?? 443) }
        return nil
    }
}
