package import Foundation

/// What renews when, where, and what stands in its way. Foreseen, not promised: a CA may advise otherwise at any time.
package struct RenewalPlan: Sendable, Equatable, Encodable {
    package struct Renewal: Sendable, Equatable, Encodable {
        package let name: String
        package let at: Date
        package let reason: RenewalReason
        /// Directory URL.
        package let ca: String
        /// `letsencrypt`, or the host of the URL.
        package let authority: String
        /// Directory URL of the CA before, if that was another.
        package let movedFrom: String?
        /// Of the certificate that is replaced: its last second.
        package let before: Date
        /// Of the new certificate.
        package let notAfter: Date
        /// How much longer than was due it took, in seconds, since no CA of the pool answered.
        package let delay: TimeInterval
        /// For the limits of the CA.
        let kinship: Kinship
    }

    package struct Risk: Sendable, Equatable, Encodable {
        package enum Kind: String, Sendable, Codable, CaseIterable {
            /// Nothing that is valid is there for a while.
            case expires
            /// The CA's limits do not allow it on that day.
            case limit
            /// The CA that it would be renewed at knows no account of ours.
            case noAccount = "no-account"
            /// The CA gives out no certificates any more.
            case closed
            /// No other CA to turn to.
            case noBackup = "no-backup"
            /// The CA failed lately.
            case unwell
            /// Its last renewals failed.
            case failing
            /// Issued, but not put to use.
            case notServed = "not-served"
            case unreadable
        }
        package let kind: Kind
        /// Whether something breaks unless a person acts.
        package let isGrave: Bool
        /// Of the certificate; nil: of all.
        package let name: String?
        package let ca: String?
        package let at: Date
        /// What is the matter. Safe for a terminal.
        package let text: String
        /// What to change.
        package let change: String
    }

    package let from: Date
    package let until: Date
    /// Of certificates.
    package let certificates: Int
    package let outages: [Outage]
    /// By time. Of a certificate that renews more often, the first `Forecast.listed`.
    package internal(set) var renewals: [Renewal]
    /// By name: how often each renews in all.
    package internal(set) var counts: [String: Int]
    /// The gravest first.
    package internal(set) var risks: [Risk]

    package var code: ExitCode { risks.contains { $0.isGrave } ? .needsPerson : .changed }
}
