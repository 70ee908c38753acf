import ACMEClient
import Agent
import ArgumentParser

/// What every command takes.
struct CommonOptions: ParsableArguments {
    @Option(
        name: .customLong("store"),
        help: ArgumentHelp(
            "Where accounts and certificates are kept. Default: /etc/chancery for root, else ~/.config/chancery.",
            valueName: "dir"), completion: .directory)
    var store: String?

    @Flag(
        name: .customLong("json"),
        help: "Print JSON on standard output: events as lines while working, then the result.")
    var json = false

    func validate() throws {
        if store?.isEmpty == true { throw ValidationError("--store wants a folder.") }
    }

    /// The agent on this store, which tells its steps on the terminal or as lines of JSON.
    /// - Parameter resolvers: for CAA records; empty: the host's.
    func agent(resolvers: [String] = []) -> CertificateAgent {
        let json = json
        return CertificateAgent(
            store: store.map { StoreFolder($0) } ?? .standard(),
            configuration: .init(product: "chancery/\(chanceryVersion)"), resolvers: resolvers,
            tell: { event in
                if json { Terminal.say(json: event) } else if !event.isResult { Terminal.progress(event.line) }
            })
    }

    /// Prints the result: `value` as JSON, or the lines for a person.
    func show(_ value: some Encodable, _ lines: @autoclosure () -> [String]) {
        if json { Terminal.say(json: value) } else { for line in lines() { Terminal.say(line) } }
    }

    /// Does the work; with `--json` a failure is told as JSON on standard output too.
    func reporting<Value>(_ work: () async throws(AgentError) -> Value) async throws(AgentError) -> Value {
        do { return try await work() } catch {
            if json { Terminal.say(json: FailureLine(error)) }
            throw error
        }
    }

    /// Ends the process with a code other than 0.
    func end(_ code: Agent.ExitCode) throws {
        if code != .changed { throw ArgumentParser.ExitCode(code.rawValue) }
    }
}

extension AgentEvent {
    /// Whether the command's result says the same to a person.
    fileprivate var isResult: Bool {
        switch self {
        case .notDue, .postponed, .dryRunPassed, .revoked, .deployFailed, .putBack: true
        default: false
        }
    }
}

/// One CA: a name of `ca list` or a directory URL.
struct AuthorityOption: ParsableArguments {
    @Option(
        name: .customLong("ca"),
        help: ArgumentHelp("The authority: a name that `chancery ca list` shows, or its directory's URL.", valueName: "url|name"))
    var ca: String?
}

/// Mail addresses of an account.
struct ContactOption: ParsableArguments {
    @Option(
        name: [.customShort("m"), .customLong("email")], parsing: .singleValue,
        help: ArgumentHelp("A mail address for the account; again for more.", valueName: "mail"))
    var emails: [String] = []

    func validate() throws {
        for mail in emails where !mail.contains("@") && !mail.contains(":") {
            throw ValidationError("'\(mail.sanitized)' is no mail address: -m you@example.com")
        }
    }
}

/// What is looked up before the authority does.
struct LookupOptions: ParsableArguments {
    @Flag(help: "Do not look the names and their CAA records up before the authority does.") var noPreflight = false
    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "Whom to ask for CAA records, instead of the host's resolvers; again for more.", valueName: "ip[:port]"))
    var resolver: [String] = []
}
