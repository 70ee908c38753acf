import ACMEClient
package import Foundation
import Synchronization

/// How a CA has been doing, as seen from here; `accounts/CA/health.json`.
package struct Health: Sendable, Equatable, Codable {
    /// In a row, of the CA's own: no answer, an error of its server, an answer that no CA gives.
    package var failures = 0
    /// It is passed over before this, if another one will do.
    package var unwellUntil: Date?
    /// Safe for a terminal.
    package var reason: String?
    package var lastSuccess: Date?
    package var lastFailure: Date?
    /// How the last attempts ended, newest last, at most 50.
    package var recent: [Bool] = []
    /// Seconds that the last success took, validation and all.
    package var seconds: Double?

    package init() {}

    /// Of the last attempts; nil before the first.
    package var errorRate: Double? { recent.isEmpty ? nil : Double(recent.count { !$0 }) / Double(recent.count) }

    /// A clock that was set back by more than an hour makes every CA well again.
    package func isWell(at now: Date) -> Bool {
        guard let unwellUntil, unwellUntil > now else { return true }
        return (lastFailure ?? .distantPast) > now.addingTimeInterval(3600)
    }

    mutating func succeeded(at now: Date, after seconds: Double) {
        (failures, unwellUntil, reason, lastSuccess, self.seconds) = (0, nil, nil, now, seconds)
        recent = recent.suffix(49) + [true]
    }

    /// - Parameter chance: from 0 up to 1.
    mutating func failed(at now: Date, _ reason: String, until: Date?, chance: Double) {
        failures = min(failures + 1, 1_000)
        // Six hours at most.
        let pause = Backoff.pause(after: failures, lifetime: 24 * 21_600, chance: chance)
        unwellUntil = max(now.addingTimeInterval(pause), min(until ?? now, now.addingTimeInterval(86_400)))
        (self.reason, lastFailure) = (reason, now)
        recent = recent.suffix(49) + [false]
    }
}

extension StoreFolder {
    /// - Returns: a blank one if nothing is known, or what is kept cannot be read.
    func health(_ ca: String) -> Health {
        let found = try? read(Health.self, from: "\(account(ca))/health.json")
        return (found ?? nil) ?? Health()
    }

    func save(_ health: Health, of ca: String) throws(AgentError) {
        try Files.makeFolder(account(ca))
        try write(health, to: "\(account(ca))/health.json")
    }
}

extension CertificateAgent {
    /// Runs an attempt at a CA and keeps how that CA did. What is the fault of a name, of a proof or of this host says nothing about it.
    func judging<Value>(_ ca: String, _ attempt: () async throws(AgentError) -> Value) async throws(AgentError) -> Value {
        let began = configuration.now()
        do throws(AgentError) {
            let value = try await attempt()
            let now = configuration.now()
            note(ca) { $0.succeeded(at: now, after: now.timeIntervalSince(began)) }
            return value
        } catch {
            if error.blame == .authority, !Task.isCancelled {
                let (now, chance) = (configuration.now(), chance())
                note(ca) { $0.failed(at: now, error.message, until: error.until, chance: chance) }
            }
            throw error
        }
    }

    /// For what is read, changed and written about a CA, since several attempts may go on at once.
    static let notes = Mutex(())

    private func note(_ ca: String, _ change: (inout Health) -> Void) {
        let failure: AgentError? = Self.notes.withLock { _ in
            var health = store.health(ca)
            change(&health)
            do throws(AgentError) {
                try store.save(health, of: ca)
                return nil
            } catch { return error }
        }
        if let failure { tell(.warning(failure.message)) }
    }
}
