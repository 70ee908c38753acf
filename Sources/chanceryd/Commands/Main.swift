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
        } catch let failure as Failure {
            LogSink.standardError.flush()
            if !failure.sentence.isEmpty { complain(failure.sentence) }
            exit(failure.status.rawValue)
        } catch {
            Chanceryd.exit(withError: error)
        }
        LogSink.standardError.flush()
        exit(ProcessStatus.success.rawValue)
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
