import ACME
import ACMEClient
import Agent
import Foundation

/// Results in words or JSON.
struct Report {
    private let common: CommonOptions

    init(_ common: CommonOptions) { self.common = common }

    /// - Parameter name: the certificate's, for a dry run, whose outcome has none.
    func issued(_ outcome: IssueOutcome, name: String) {
        switch outcome {
        case .installed(let summary):
            show(outcome, summary, lines(summary))
        case .notServed(let summary, let reason):
            let failure = ["It is not put to use: \(reason.sanitized)", "`chancery renew` tries again."]
            show(outcome, summary, lines(summary) + failure)
        case .notDue(let summary):
            show(outcome, summary, [Self.notDue(summary) + " --force issues now."])
        case .postponed(let summary, let until, let reason):
            show(outcome, summary, [Self.postponed(summary, until, reason)], until: until)
        case .dryRunPassed:
            show(outcome, nil, ["The dry run for \(name.sanitized) passed. Nothing was issued or written."], name: name)
        }
    }

    /// How one certificate of a pass fared.
    func fared(_ entry: RenewalReport.Entry) {
        switch entry.result {
        case .success(let outcome): renewed(outcome, name: entry.name)
        case .failure(let error):
            if common.json { Terminal.say(json: FailureLine(error, name: entry.name)) }
            Terminal.complain(error, name: entry.name)
        }
    }

    /// One line of `renew`.
    private func renewed(_ outcome: IssueOutcome, name: String) {
        switch outcome {
        case .installed(let summary):
            show(outcome, summary, ["\(name): renewed, valid until \(RFC3339.string(summary.notAfter)), in \(summary.folder)"])
        case .notServed(let summary, let reason):
            show(
                outcome, summary,
                ["\(name): installed in \(summary.folder), but not put to use: \(reason.sanitized)"])
        case .notDue(let summary):
            show(outcome, summary, [Self.notDue(summary)])
        case .postponed(let summary, let until, let reason):
            show(outcome, summary, [Self.postponed(summary, until, reason)], until: until)
        case .dryRunPassed:
            show(outcome, nil, ["\(name): the dry run passed; nothing was issued or written"], name: name)
        }
    }

    private func show(
        _ outcome: IssueOutcome, _ summary: CertificateSummary?, _ lines: [String], name: String? = nil, until: Date? = nil
    ) {
        common.show(ResultLine(outcome.code, summary, name: name ?? summary?.name, until: until), lines)
    }

    private static func postponed(_ summary: CertificateSummary, _ until: Date, _ reason: String) -> String {
        "\(summary.name): due, but left alone until \(RFC3339.string(until)), since \(reason.sanitized) --force does not wait."
    }

    private static func notDue(_ summary: CertificateSummary) -> String {
        "\(summary.name): not due before \(RFC3339.string(summary.due)), valid until \(RFC3339.string(summary.notAfter))."
    }

    func lines(_ summary: CertificateSummary) -> [String] {
        [
            "Certificate:  \(summary.folder)/fullchain.pem",
            "Private key:  \(summary.folder)/privkey.pem",
            "Names:        \(summary.names.joined(separator: ", "))",
            "Serial:       \(summary.serial)",
            "Valid until:  \(RFC3339.string(summary.notAfter)); `chancery renew` acts from \(RFC3339.string(summary.due)) on: \(summary.dueReason.words)",
        ]
    }

    /// The lines of `list`: a heading and one per certificate, in columns.
    static func table(_ summaries: [CertificateSummary]) -> [String] {
        guard !summaries.isEmpty else { return [] }
        let rows =
            [["NAME", "STATE", "VALID UNTIL", "AUTHORITY", "NAMES"]]
            + summaries.map {
                [$0.name, state($0), RFC3339.string($0.notAfter), host($0.ca), $0.names.joined(separator: ",")]
            }
        return columns(rows)
    }

    /// Rows of as many cells each, all but the last padded.
    static func columns(_ rows: [[String]]) -> [String] {
        let count = rows.map(\.count).min() ?? 0
        guard count > 0 else { return [] }
        let widths = (0..<(count - 1)).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            (zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) } + [row[count - 1]])
                .joined(separator: "  ")
        }
    }

    private static func state(_ summary: CertificateSummary) -> String {
        summary.revoked != nil ? "revoked" : !summary.served ? "not served" : summary.isDue ? "due" : "valid"
    }

    private static func host(_ url: String) -> String {
        (URLComponents(string: url)?.host ?? url).sanitized
    }
}
