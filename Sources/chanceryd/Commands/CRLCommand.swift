import ACME
import ArgumentParser
import Authority
import Foundation
import Logging
import Store

struct CRLCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crl", abstract: "Publish the revocation list.", discussion: "  chanceryd crl publish --data ./ca",
        subcommands: [Publish.self])

    struct Publish: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sign a new revocation list now. A running server does so by itself, within a minute of a revocation.",
            discussion: "  chanceryd crl publish --data ./ca\n  chanceryd crl publish --data ./ca --json")
        @OptionGroup var place: DataOptions
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let folder = DataFolder(path: try place.folder)
            try folder.requireComplete()
            let loaded = try loadSettings(folder.path, flags: [])
            try loaded.requireFaultless()
            let issuer = try openIssuer(folder, loaded.settings, environment: ProcessInfo.processInfo.environment)
            try await withStore(place) { store in
                var logger = Logger(label: "chanceryd") { _ in SwiftLogNoOpLogHandler() }
                logger.logLevel = .critical
                let authority = CertificateAuthority(
                    store: store, issuer: issuer, urls: PublicationURLs(base: ""),
                    policy: AuthorityPolicy(loaded.settings),
                    validate: { _ in .failure(Problem(.serverInternal, 503, "No validation here.")) },
                    surroundings: .ofThisProcess,
                    logger: logger)
                do {
                    let list = try await authority.publisher.publish()
                    printFacts(
                        [
                            ("Issuer", "issuer", .string(list.issuer)), ("Number", "number", .number(Int(list.number))),
                            ("This update", "thisUpdate", .time(list.thisUpdate)),
                            ("Next update", "nextUpdate", .time(list.nextUpdate)),
                        ], json: json)
                } catch {
                    throw Failure(whatever: error)
                }
            }
        }
    }
}
