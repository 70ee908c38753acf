package import ACME

/// One challenge to be proved, as far as a perspective without store or keys needs to know it.
package struct Attempt: Sendable, Hashable {
    package let type: ChallengeType
    /// The name without `*.`, in lower case A-labels.
    package let name: String
    package let token: String
    /// RFC 7638, of the account key current at the response.
    package let thumbprint: String

    package init(type: ChallengeType, name: String, token: String, thumbprint: String) {
        (self.type, self.name, self.token, self.thumbprint) = (type, name, token, thumbprint)
    }

    var keyAuthorization: KeyAuthorization { KeyAuthorization(token: token, thumbprint: thumbprint) }
}

extension Attempt: CustomStringConvertible {
    /// `http-01 for a.example`: no token.
    package var description: String { "\(type.rawValue) for \(name)" }
}

/// What a success rests on.
package struct Evidence: Sendable, Hashable {
    /// The address that proved it; nil for dns-01.
    package let address: String?
    /// For the log: what was asked and found. Holds nothing that the other side could have made up but printable text.
    package let summary: String

    package init(address: String?, summary: String) { (self.address, self.summary) = (address, summary) }
}

/// One way to prove control. Its `Problem` says what was asked, of which address, what came back and what to change; never content.
package protocol ChallengeValidator: Sendable {
    static var type: ChallengeType { get }
    func evidence(for attempt: Attempt) async throws(Problem) -> Evidence
}

/// All of them, over one dialer.
func validators(_ reach: Reach) -> [any ChallengeValidator] {
    [HTTP01(reach: reach), DNS01(reach: reach), TLSALPN01(reach: reach)]
}
