import ArgumentParser
import Foundation

@main
enum Main {
    static func main() async {
        prepareStreams()
        do {
            var command = try Chanceryd.parseAsRoot()
            if var waiting = command as? any AsyncParsableCommand {
                try await waiting.run()
            } else {
                try command.run()
            }
        } catch {
            leave(error)
        }
        LogSink.standardError.flush()
        exit(ProcessStatus.success.rawValue)
    }

    /// Says what failed, as one JSON object too where JSON was asked for, and ends. A failure without a sentence has been told already.
    private static func leave(_ error: any Error) -> Never {
        LogSink.standardError.flush()
        if let failure = error as? Failure {
            if !failure.sentence.isEmpty {
                if isJSONWanted { say(failure.json.text) }
                complain(failure.sentence)
            }
            exit(failure.status.rawValue)
        }
        if isJSONWanted, Chanceryd.exitCode(for: error).rawValue != ProcessStatus.success.rawValue {
            say(Failure(usage: error).json.text)
        }
        Chanceryd.exit(withError: error)
    }

    /// Whatever else the command line is, and whether or not it could be read.
    private static var isJSONWanted: Bool { CommandLine.arguments.dropFirst().prefix { $0 != "--" }.contains("--json") }
}

extension Failure {
    /// What the parser of the command line does not take.
    init(usage error: any Error) {
        let code = Chanceryd.exitCode(for: error).rawValue
        self.init(ProcessStatus(rawValue: code) ?? .failure, Chanceryd.message(for: error))
    }

    /// `{"event":"failed","code":67,"status":"notFound","message":"…"}`; `status` is the name in docs/exit-codes.md.
    var json: JSONText {
        .object([
            ("event", .string("failed")), ("code", .number(Int(status.rawValue))), ("status", .string("\(status)")),
            ("message", .string(sentence)),
        ])
    }
}

struct Chanceryd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chanceryd",
        abstract: "A certificate authority that speaks ACME.",
        discussion: """
            Alone on an empty folder, `serve` makes a working authority and says how a client gets its first certificate:

              chanceryd serve --data ./ca

            All other commands work on the same folder, also while the server runs.
            """,
        version: chanceryVersion,
        subcommands: [
            Init.self, Serve.self, CertificateCommand.self, AccountCommand.self, OrderCommand.self, CRLCommand.self,
            ConfigCommand.self,
            VersionCommand.self,
        ])
}

let chanceryVersion = "0.1.0"
