import ACME
import ArgumentParser
import Foundation
import PKIX
import Store

struct CertificateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "certificate", abstract: "List, show and revoke certificates.",
        discussion: """
              chanceryd certificate list --data ./ca
              chanceryd certificate show 3A:04:C2:… --data ./ca
              chanceryd certificate revoke 3A:04:C2:… --reason keyCompromise --data ./ca
            """,
        subcommands: [List.self, Show.self, Revoke.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List certificates, oldest first; with --expires-within alone, those first that end first.",
            discussion: """
                  chanceryd certificate list --data ./ca --expires-within 14d
                  chanceryd certificate list --data ./ca --name www.example.org --json
                """)
        @OptionGroup var place: DataOptions
        @Option(help: "Only those with exactly this name.") var name: String?
        @Option(help: ArgumentHelp("Only those of this account.", valueName: "ID")) var account: String?
        @Flag(help: "Only revoked ones.") var revoked = false
        @Option(help: ArgumentHelp("Only those that have not ended, but will within this time.", valueName: "DURATION"))
        var expiresWithin: String?
        @Option(help: "At most this many.") var limit: Int?
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            var filter = CertificateFilter(
                name: name?.lowercased(), account: try account.map { try recordID($0, of: "an account") })
            if revoked { filter.revoked = true }
            if let expiresWithin {
                let now = Date()
                filter.ends = now..<now.addingTimeInterval(Double(try duration(expiresWithin, of: "--expires-within")))
            }
            try await withStore(place) { store in
                try await printPages(["SERIAL", "NAMES", "NOT AFTER", "STATUS"], json: json, limit: limit) {
                    try await store.certificates(filter, after: $0, limit: $1)
                } row: { (certificate: StoredCertificate) in
                    (certificate.cells, certificate.json)
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a certificate with its PEM.", discussion: "  chanceryd certificate show 3A:04:C2:… --data ./ca")
        @OptionGroup var place: DataOptions
        @Argument(help: "Serial number in hexadecimal.") var serial: String
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let number = try serialNumber(serial)
            try await withStore(place) { store in
                let found = try await store.certificate(serial: number)
                printFacts(found.facts, json: json)
                if !json { writeWhole(PEM.encode("CERTIFICATE", found.der), to: 1) }
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revoke a certificate; a running server publishes it within a minute.",
            discussion: """
                Reasons: \(OperatorReason.allCases.map(\.rawValue).joined(separator: ", ")). Revoking is for good. With keyCompromise no
                certificate is issued for this key again.

                  chanceryd certificate revoke 3A:04:C2:… --data ./ca
                  chanceryd certificate revoke 3a04c2… --reason keyCompromise --data ./ca
                """)
        @OptionGroup var place: DataOptions
        @Argument(help: "Serial number in hexadecimal, with or without colons.") var serial: String
        @Option(help: ArgumentHelp("Why.", valueName: "REASON")) var reason: OperatorReason = .unspecified
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let number = try serialNumber(serial)
            try await withStore(place) { store in
                let found = try await store.certificate(serial: number)
                let outcome = try await store.revoke(
                    issuer: found.issuer, serial: found.serial, at: Date(), reason: reason.code,
                    blockKey: reason == .keyCompromise)
                switch outcome {
                case .revoked(let certificate):
                    if json {
                        printFacts(certificate.facts, json: true)
                    } else {
                        say(
                            "Revoked \(Certificate509.text(of: certificate.serial)). A running server publishes it within a minute."
                        )
                    }
                case .already(let at, _):
                    if json { printFacts(found.facts, json: true) }
                    throw Failure(.unchanged, json ? "" : "This certificate is revoked already, since \(seconds(at)).")
                }
            }
        }
    }
}

/// RFC 5280 section 5.3.1, those an operator can mean. 7 is unused; 6 and 8 (hold and removal) are not offered, for a certificate
/// on hold is one that some clients reject and others accept.
enum OperatorReason: String, CaseIterable, ExpressibleByArgument {
    case unspecified, keyCompromise, caCompromise, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn,
        aaCompromise

    /// nil for `unspecified`: RFC 5280 wants the extension absent then.
    var code: Int? {
        switch self {
        case .unspecified: nil
        case .keyCompromise: 1
        case .caCompromise: 2
        case .affiliationChanged: 3
        case .superseded: 4
        case .cessationOfOperation: 5
        case .privilegeWithdrawn: 9
        case .aaCompromise: 10
        }
    }

    static func text(_ code: Int?) -> String {
        guard let code, code != 0 else { return OperatorReason.unspecified.rawValue }
        return allCases.first { $0.code == code }?.rawValue ?? "reason \(code)"
    }
}

/// Seconds.
func duration(_ text: String, of flag: String, _ range: ClosedRange<Int> = 0...(100 * 31_536_000)) throws(Failure) -> Int {
    do throws(BadValue) { return try Form<Int>.duration(range).read(text) } catch {
        throw Failure(.usage, "\(flag): write \(error.wanted).")
    }
}

extension [Identifier] {
    /// For a column of a table: `a.example, b.example, c.example and 97 more`.
    var brief: String {
        let shown = prefix(3).map(\.value).joined(separator: ", ")
        return count > 3 ? "\(shown) and \(count - 3) more" : shown
    }
}

extension StoredCertificate {
    var status: String {
        if revoked != nil { return "revoked" }
        return notAfter < Date() ? "expired" : "valid"
    }

    var cells: [String] { [Certificate509.text(of: serial), identifiers.brief, seconds(notAfter), status] }

    var facts: [(label: String, name: String, value: JSONText)] {
        [
            ("Serial", "serial", .string(Certificate509.text(of: serial))),
            ("Names", "names", .array(identifiers.map { .string($0.value) })),
            ("Status", "status", .string(status)),
            ("Not before", "notBefore", .time(notBefore)),
            ("Not after", "notAfter", .time(notAfter)),
            ("Revoked", "revoked", revoked.map { .time($0.at) } ?? .null),
            ("Reason", "reason", revoked.map { .string(OperatorReason.text($0.reason)) } ?? .null),
            ("Account", "account", .optional(account?.text)),
            ("Order", "order", .optional(order?.text)),
            ("Issuer", "issuer", .string(issuer)),
            ("Id", "id", .string(id.text)),
        ]
    }

    var json: JSONText { .object(facts.map { ($0.name, $0.value) } + [("pem", .string(PEM.encode("CERTIFICATE", der)))]) }
}
