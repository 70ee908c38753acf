package import ACME
package import ACMEClient

package import struct Foundation.Date

/// How a command ends, as its process's status.
package enum ExitCode: Int32, Sendable, Codable, CaseIterable {
    case changed = 0
    case failed = 1
    case nothingToDo = 2
    case needsPerson = 3
    case wait = 4
    case notServed = 5

    /// What a run over several certificates ends with: the gravest of theirs.
    package static func gravest(of codes: some Sequence<ExitCode>) -> ExitCode {
        let gravity: [ExitCode] = [.nothingToDo, .changed, .notServed, .wait, .needsPerson, .failed]
        return codes.max { (gravity.firstIndex(of: $0) ?? 0) < (gravity.firstIndex(of: $1) ?? 0) } ?? .nothingToDo
    }
}

/// Why something was not done, for a person, and what kind of end that is. Its text is safe for a terminal.
package struct AgentError: Error, Sendable, Equatable, CustomStringConvertible {
    package let code: ExitCode
    /// Sentences that name what happened and what to change.
    package let message: String
    /// With `wait`: when to come again, if the CA named a time.
    package let until: Date?
    /// The CA's reason, if it gave one. Raw: print `Problem.sentence`.
    package let problem: Problem?

    package init(_ code: ExitCode, _ message: String, until: Date? = nil, problem: Problem? = nil) {
        (self.code, self.message, self.until, self.problem) = (code, message, until, problem)
    }

    package var description: String { message }

    static func failed(_ message: String) -> AgentError { AgentError(.failed, message) }
    static func needsPerson(_ message: String) -> AgentError { AgentError(.needsPerson, message) }

    package init(_ error: ACMEClientError) {
        switch error {
        case .rateLimited(let until, let problem, _):
            self.init(.wait, error.description, until: until, problem: problem)
        case .untrusted(let reason, _):
            // Another root does not help against another name.
            let hint =
                reason.contains("another name")
                ? "Use the name that stands in it."
                : "A CA with a root of its own needs --ca-root FILE once; one that was made anew, its new root."
            self.init(.needsPerson, "\(error.description) \(hint)")
        case .insecureURL, .input: self.init(.needsPerson, error.description)
        case .problem(let problem, _) where problem.errorType == .accountDoesNotExist:
            self.init(
                .needsPerson,
                "\(error.description) If the CA was made anew, the next `chancery issue` or `chancery renew` that has something to do registers it again.",
                problem: problem)
        case .problem(let problem, _) where Self.needPerson.contains(problem.errorType):
            self.init(.needsPerson, error.description, problem: problem)
        case .failed(_, let problem):
            self.init(
                problem.map { Self.needPerson.contains($0.errorType) } ?? false ? .needsPerson : .failed, error.description,
                problem: problem)
        default: self.init(.failed, error.description, problem: error.problem)
        }
    }

    /// Problems that the same request will meet again until a person changes something.
    private static let needPerson: Set<ErrorType?> = [
        .accountDoesNotExist, .badCSR, .badPublicKey, .badSignatureAlgorithm, .caa, .connection, .dns, .externalAccountRequired,
        .incorrectResponse, .invalidContact, .rejectedIdentifier, .tls, .unauthorized, .unsupportedContact,
        .unsupportedIdentifier, .userActionRequired,
    ]
}

/// Runs what a CA is asked, its errors turned into the agent's.
func asking<Value>(
    _ ask: () async throws(ACMEClientError) -> Value
) async throws(AgentError) -> Value {
    do { return try await ask() } catch { throw AgentError(error) }
}
