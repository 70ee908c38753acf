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
    /// Whose fault it is, as far as that matters for asking another CA.
    package let blame: Blame

    package enum Blame: Sendable {
        /// This host's, or a person's: another CA changes nothing.
        case here
        /// The CA's: no answer, an error of its own, or an answer that no CA gives.
        case authority
        /// This CA will not do it for these names, this account or now; another may.
        case name
        /// The CA did not find the proof; another would not either, most likely.
        case proof
    }

    package init(
        _ code: ExitCode, _ message: String, until: Date? = nil, problem: Problem? = nil, blame: Blame = .here
    ) {
        (self.code, self.message, self.until, self.problem, self.blame) = (code, message, until, problem, blame)
    }

    package var description: String { message }

    static func failed(_ message: String) -> AgentError { AgentError(.failed, message) }
    /// The CA did what none may do.
    static func misdeed(_ message: String) -> AgentError { AgentError(.failed, message, blame: .authority) }
    static func needsPerson(_ message: String) -> AgentError { AgentError(.needsPerson, message) }

    package init(_ error: ACMEClientError) {
        let blame = Blame(error)
        switch error {
        case .rateLimited(let until, let problem, _):
            self.init(.wait, error.description, until: until, problem: problem, blame: blame)
        case .untrusted(let reason, _):
            // Another root does not help against another name.
            let hint =
                reason.contains("another name")
                ? "Use the name that stands in it."
                : "A CA with a root of its own needs --ca-root FILE once; one that was made anew, its new root."
            self.init(.needsPerson, "\(error.description) \(hint)", blame: blame)
        case .insecureURL, .input: self.init(.needsPerson, error.description, blame: blame)
        case .problem(let problem, _) where problem.errorType == .accountDoesNotExist:
            self.init(
                .needsPerson,
                "\(error.description) If the CA was made anew, the next `chancery issue` or `chancery renew` that has something to do registers it again.",
                problem: problem, blame: blame)
        case .problem(let problem, _) where Self.needPerson.contains(problem.errorType):
            self.init(.needsPerson, error.description, problem: problem, blame: blame)
        case .failed(_, let problem):
            self.init(
                problem.map { Self.needPerson.contains($0.errorType) } ?? false ? .needsPerson : .failed, error.description,
                problem: problem, blame: blame)
        default: self.init(.failed, error.description, problem: error.problem, blame: blame)
        }
    }

    /// Problems that the same request will meet again until a person changes something.
    private static let needPerson: Set<ErrorType?> = [
        .accountDoesNotExist, .badCSR, .badPublicKey, .badSignatureAlgorithm, .caa, .connection, .dns, .externalAccountRequired,
        .incorrectResponse, .invalidContact, .rejectedIdentifier, .tls, .unauthorized, .unsupportedContact,
        .unsupportedIdentifier, .userActionRequired,
    ]
}

extension AgentError.Blame {
    init(_ error: ACMEClientError) {
        switch error {
        case .input, .cancelled: self = .here
        case .transport, .untrusted, .notACME, .insecureURL, .tooLarge, .deadline, .badChain, .unsupported: self = .authority
        // Most limits are a name's or an account's; what is unavailable is so for all.
        case .rateLimited(_, let problem, _): self = problem?.status == 503 || problem == nil ? .authority : .name
        case .problem(let problem, _):
            self = (problem.status ?? 0) >= 500 || problem.errorType == .serverInternal ? .authority : .name
        case .failed(_, let problem):
            switch problem?.errorType {
            case .connection, .dns, .incorrectResponse, .tls, .unauthorized, .compound: self = .proof
            case .caa, .rejectedIdentifier, .badCSR, .rateLimited: self = .name
            default: self = .authority
            }
        }
    }
}

/// Runs what a CA is asked, its errors turned into the agent's.
func asking<Value>(
    _ ask: () async throws(ACMEClientError) -> Value
) async throws(AgentError) -> Value {
    do { return try await ask() } catch { throw AgentError(error) }
}
