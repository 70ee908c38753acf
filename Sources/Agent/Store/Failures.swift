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
    /// The directory URL of a CA that named a time to come again, and that time.
    package var asked: Asked?

    package struct Asked: Sendable, Equatable, Codable {
        package var ca: String
        package var until: Date
    }
}

extension StoreFolder {
    func state(_ name: String) -> String { "\(path)/state/\(name)" }

    /// - Returns: nil if there is none, or none that can be read: a damaged note must not stop a renewal.
    func failures(_ name: String) -> FailureRecord? {
        (try? read(FailureRecord.self, from: "\(state(name))/failures.json")) ?? nil
    }

    func save(_ failures: FailureRecord, of name: String) throws(AgentError) {
        try Files.makeFolder(state(name))
        try write(failures, to: "\(state(name))/failures.json")
    }

    func forgetFailures(_ name: String) { Files.remove("\(state(name))/failures.json") }
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

    private func note(_ error: AgentError, of name: String, ca: String, lifetime: TimeInterval?) {
        let now = configuration.now()
        let count = min(1_000, (store.failures(name)?.count ?? 0) + 1)
        var again = now.addingTimeInterval(Backoff.pause(after: count, lifetime: lifetime, chance: chance()))
        var asked: FailureRecord.Asked?
        if let until = error.until {
            asked = FailureRecord.Asked(ca: ca, until: until)
            again = max(again, until)
        }
        let record = FailureRecord(
            count: count, last: now, reason: error.message, code: error.code, again: again, asked: asked)
        do throws(AgentError) { try store.save(record, of: name) } catch {
            tell(.warning("The failure could not be noted, so that it will be tried again at once: \(error.message)"))
        }
    }
}
