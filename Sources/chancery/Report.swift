import ACME
import ACMEClient
import Agent
import Foundation

/// Results in words or JSON.
struct Report {
    private let common: CommonOptions

    init(_ common: CommonOptions) { self.common = common }

    func issued(_ outcome: IssueOutcome) {
        switch outcome {
        case .installed(let summary):
            common.show(ResultLine(outcome.code, summary), lines(summary))
        case .notServed(let summary, let reason):
            common.show(
                ResultLine(outcome.code, summary),
                lines(summary) + ["The deploy hook failed: \(reason.sanitized)", "`chancery renew` runs it again."])
        case .notDue(let summary):
            common.show(
                ResultLine(outcome.code, summary),
                [
                    "Nothing to do: \(summary.name) is valid until \(RFC3339.string(summary.notAfter)), due from \(RFC3339.string(summary.due)) on. --force issues now."
                ])
        case .dryRunPassed:
            common.show(ResultLine<CertificateSummary>(outcome.code, nil), ["The dry run passed. Nothing was issued or written."])
        }
    }

    func lines(_ summary: CertificateSummary) -> [String] {
        [
            "Certificate:  \(summary.folder)/fullchain.pem",
            "Private key:  \(summary.folder)/privkey.pem",
            "Names:        \(summary.names.joined(separator: ", "))",
            "Serial:       \(summary.serial)",
            "Valid until:  \(RFC3339.string(summary.notAfter)); `chancery renew` acts from \(RFC3339.string(summary.due)) on",
        ]
    }

    /// One line of `list`.
    func row(_ summary: CertificateSummary) -> String {
        let state =
            summary.revoked != nil ? "revoked" : !summary.served ? "not served" : summary.isDue ? "due" : "valid"
        return
            "\(summary.name)  \(state)  until \(RFC3339.string(summary.notAfter))  \(summary.names.joined(separator: ","))  \(summary.ca.sanitized)"
    }
}
