import ACME
import ACMEClient
import Agent
import Foundation

/// Where words go: results to standard output, progress and errors to standard error.
enum Terminal {
    static func say(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

    static func progress(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

    static func say(json value: some Encodable) {
        guard let data = try? JSONEncoder.acme.encode(value) else { return }
        say(String(decoding: data, as: UTF8.self))
    }

    static func complain(_ error: AgentError) {
        var line = "Error: \(error.message)"
        if let until = error.until { line += " Come again after \(RFC3339.string(until))." }
        progress(line)
    }

    /// - Returns: nil at the end of the input.
    static func ask(_ question: String, standard: String? = nil) -> String? {
        write(question + (standard.map { " [\($0)]" } ?? "") + ": ", to: STDOUT_FILENO)
        guard let line = readLine() else { return nil }
        let typed = line.trimmingCharacters(in: .whitespacesAndNewlines)
        return typed.isEmpty ? standard ?? "" : typed
    }

    /// Whole writes; a reader that has gone away is no error of ours.
    private static func write(_ text: String, to file: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }
}

/// A failure as the last line of JSON.
struct FailureLine: Encodable {
    let event = "failed"
    let name: String?
    let code: Int32
    let message: String
    let until: Date?
    let problem: Problem?

    init(_ error: AgentError, name: String? = nil) {
        self.name = name
        (code, message, until, problem) = (error.code.rawValue, error.message, error.until, error.problem)
    }

    private enum CodingKeys: String, CodingKey { case event, name, code, message, until, problem }
}

/// The result of a command as the last line of JSON.
struct ResultLine<Value: Encodable>: Encodable {
    let event = "result"
    let code: Int32
    let result: Value?

    init(_ code: Agent.ExitCode, _ result: Value?) { (self.code, self.result) = (code.rawValue, result) }

    private enum CodingKeys: String, CodingKey { case event, code, result }
}

extension CommonOptions {
    /// Does the work; with `--json` a failure is told as JSON on standard output too.
    func reporting<Value>(_ work: () async throws(AgentError) -> Value) async throws(AgentError) -> Value {
        do { return try await work() } catch {
            if json { Terminal.say(json: FailureLine(error)) }
            throw error
        }
    }
}
