import ACMEClient
import Agent
import ArgumentParser

/// What every command takes.
struct CommonOptions: ParsableArguments {
    @Option(
        name: .customLong("store"),
        help: ArgumentHelp(
            "Where accounts and certificates are kept. Default: /etc/chancery for root, else ~/.config/chancery.",
            valueName: "dir"))
    var store: String?

    @Flag(name: .customLong("json"), help: "Print JSON: events as lines while working, then one object with the result.")
    var json = false

    /// The agent on this store, which tells its steps on the terminal or as lines of JSON.
    func agent() -> CertificateAgent {
        let json = json
        return CertificateAgent(
            store: store.map { StoreFolder($0) } ?? .standard(),
            configuration: .init(product: "chancery/\(chanceryVersion)"),
            tell: { event in
                if json { Terminal.say(json: event) } else { Terminal.progress(event.line) }
            })
    }

    /// Prints the result: `value` as JSON, or the lines for a person.
    func show(_ value: some Encodable, _ lines: @autoclosure () -> [String]) {
        if json { Terminal.say(json: value) } else { for line in lines() { Terminal.say(line) } }
    }

    /// Ends the process with a code other than 0.
    func end(_ code: Agent.ExitCode) throws {
        if code != .changed { throw ArgumentParser.ExitCode(code.rawValue) }
    }
}

/// One CA: a name of `ca list` or a directory URL.
struct AuthorityOption: ParsableArguments {
    @Option(
        name: .customLong("ca"),
        help: ArgumentHelp("The authority: a name that `chancery ca list` shows, or its directory's URL.", valueName: "url|name"))
    var ca: String?
}
