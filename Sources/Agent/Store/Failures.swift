import ACMEClient
package import Foundation

/// What went wrong with a name since its certificate was last issued; `state/NAME/failures.json`, away from the certificate's own
/// files, which are there only after a first success.
package struct FailureRecord: Sendable, Equatable, Codable {
    /// In a row.
    package var count: Int
    package var last: Date
    /// Safe for a terminal.
    package var reason: String
    package var code: ExitCode
    /// Not before this does `renew` try again.
    package var again: Date

    /// Whether the pause is not over. A clock that was set back by more than an hour ends it: none must become endless.
    package func asksToWait(at now: Date) -> Bool { again > now && last <= now.addingTimeInterval(3600) }

    /// The directory URL of a CA that named a time to come again, and that time.
    package var asked: Asked?

    package struct Asked: Sendable, Equatable, Codable {
        package var ca: String
        package var until: Date
    }
}

extension StoreFolder {
    func state(_ name: String) -> String { "\(path)/state/\(name)" }

    /// What failed: getting a certificate, or putting one to use.
    enum Attempt: String { case issue = "failures.json", deploy = "deploy-failures.json" }

    /// - Returns: nil if there is none, or none that can be read: a damaged note must not stop a renewal.
    func failures(_ name: String, _ attempt: Attempt = .issue) -> FailureRecord? {
        (try? read(FailureRecord.self, from: "\(state(name))/\(attempt.rawValue)")) ?? nil
    }

    func save(_ failures: FailureRecord, of name: String, _ attempt: Attempt = .issue) throws(AgentError) {
        try Files.makeFolder(state(name))
        try write(failures, to: "\(state(name))/\(attempt.rawValue)")
    }

    func forgetFailures(_ name: String, _ attempt: Attempt = .issue) { Files.remove("\(state(name))/\(attempt.rawValue)") }
}

extension CertificateAgent {
    /// Runs one attempt at a certificate: its failure is counted on disk, its success forgets those before.
    /// - Parameters:
    ///   - lifetime: of the certificate that is there, in seconds.
    ///   - ca: directory URL.
    func counting<Value>(
        _ name: String, ca: String, lifetime: TimeInterval?, _ attempt: () async throws(AgentError) -> Value
    ) async throws(AgentError) -> Value {
        do throws(AgentError) {
            let value = try await attempt()
            store.forgetFailures(name)
            return value
        } catch {
            // A person's Ctrl-C, or the end of the service, is nobody's failure.
            if !Task.isCancelled { note(error, of: name, ca: ca, lifetime: lifetime) }
            throw error
        }
    }

    func note(
        _ error: AgentError, of name: String, _ attempt: StoreFolder.Attempt = .issue, ca: String, lifetime: TimeInterval?
    ) {
        let now = configuration.now()
        let count = min(1_000, (store.failures(name, attempt)?.count ?? 0) + 1)
        var again = now.addingTimeInterval(Backoff.pause(after: count, lifetime: lifetime, chance: chance()))
        var asked: FailureRecord.Asked?
        if let until = error.until {
            asked = FailureRecord.Asked(ca: ca, until: until)
            again = max(again, until)
        }
        let record = FailureRecord(
            count: count, last: now, reason: error.message, code: error.code, again: again, asked: asked)
        do throws(AgentError) { try store.save(record, of: name, attempt) } catch {
            tell(.warning("The failure could not be noted, so that it will be tried again at once: \(error.message)"))
        }
    }
}
