import ACME
import Agent
import Foundation

/// A failure as the last line of JSON, or the last one about the certificate `name`.
struct FailureLine: Encodable {
    let event = "failed"
    let name: String?
    /// The process's exit status, were it for this alone.
    let code: Int32
    let message: String
    let until: Date?
    let problem: Problem?

    init(_ error: AgentError, name: String? = nil) {
        self.name = name
        code = Interruption.status ?? error.code.rawValue
        (message, until, problem) = (error.message, error.until, error.problem)
    }

    /// A command line that was not understood.
    init(usage message: String) {
        (name, code, until, problem) = (nil, usageStatus, nil, nil)
        self.message = message
    }

    private enum CodingKeys: String, CodingKey { case event, name, code, message, until, problem }
}

/// The result of a command as the last line of JSON, or the last one about the certificate `name`.
struct ResultLine<Value: Encodable>: Encodable {
    let event = "result"
    let name: String?
    let code: Int32
    let result: Value?

    init(_ code: Agent.ExitCode, _ result: Value?, name: String? = nil) {
        (self.code, self.result, self.name) = (code.rawValue, result, name)
    }

    private enum CodingKeys: String, CodingKey { case event, name, code, result }
}

/// EX_USAGE of sysexits.h.
let usageStatus: Int32 = 64
