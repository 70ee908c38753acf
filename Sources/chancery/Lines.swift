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
    /// What to change after a CA refused.
    let remedy: String?

    init(_ error: AgentError, name: String? = nil) {
        self.name = name
        code = Interruption.status ?? error.code.rawValue
        (message, until, problem, remedy) = (error.message, error.until, error.problem, error.remedy)
    }

    /// A command line that was not understood, or what no command foresaw.
    init(_ code: Int32, _ message: String) {
        (name, self.code, until, problem, remedy) = (nil, code, nil, nil, nil)
        self.message = message
    }

    private enum CodingKeys: String, CodingKey { case event, name, code, message, until, problem, remedy }
}

/// The result of a command as the last line of JSON, or the last one about the certificate `name`.
struct ResultLine<Value: Encodable>: Encodable {
    let event = "result"
    let name: String?
    let code: Int32
    let result: Value?
    /// With code 4: when to come again.
    let until: Date?

    init(_ code: Agent.ExitCode, _ result: Value?, name: String? = nil, until: Date? = nil) {
        (self.code, self.result, self.name, self.until) = (code.rawValue, result, name, until)
    }

    private enum CodingKeys: String, CodingKey { case event, name, code, result, until }
}

/// EX_USAGE of sysexits.h.
let usageStatus: Int32 = 64
