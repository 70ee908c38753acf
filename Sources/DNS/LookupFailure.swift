/// Why a question to the DNS has no answer.
package struct LookupFailure: Error, Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// The name does not exist (NXDOMAIN).
        case noSuchName
        /// The name exists, but has no record of the type.
        case noData
        /// SERVFAIL, REFUSED or no server that could be asked.
        case serverFailure
        /// A signature does not hold (DNSSEC).
        case bogus
        /// Nothing came in time.
        case timeout
        /// The asking task was cancelled.
        case cancelled
    }
    package let kind: Kind
    package let name: String
    /// The record type's mnemonic: `TXT`, or `AAAA and A` where both were asked.
    package let type: String
    /// A clause for people that names neither name nor type: `the name does not exist (NXDOMAIN)`.
    package let reason: String

    package init(_ kind: Kind, name: String, type: String, reason: String) {
        (self.kind, self.name, self.type, self.reason) = (kind, name, type, reason)
    }
}

/// Why there is no resolver: a configuration that has to change.
package enum ResolverError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Not `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`.
    case notAServer(String)
    /// libunbound refused a setting, in its own words.
    case unbound(String)

    package var description: String {
        switch self {
        case .notAServer(let text):
            "resolver \(text.debugDescription) is not an IP address with an optional port, as in 192.0.2.1:53"
        case .unbound(let reason): "the resolver could not be set up: \(reason)"
        }
    }
}
