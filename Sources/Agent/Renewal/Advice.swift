import ACME
import ACMEClient
import Foundation

/// What a CA advised about a certificate (RFC 9773), and when it is asked again; `state/NAME/renewal-info.json`.
struct Advice: Sendable, Equatable, Codable {
    /// The certificate that this is about, as RFC 9773 section 4.1 names it; for another one it is worth nothing.
    var certificate: String
    var window: RenewalInfo.Window?
    /// Chosen by chance once for each window, so that no two clients come at once and a restart does not roll the dice again.
    var chosen: Date?
    /// Raw from the CA.
    var explanation: String?
    /// The CA is not asked before this.
    var next: Date
    /// Since the CA last answered.
    var failures = 0

    init(about certificate: String, at now: Date) { (self.certificate, next) = (certificate, now) }

    /// The bounds of the time between two questions (RFC 9773 section 4.3); twice a day at least.
    static let (shortest, longest): (TimeInterval, TimeInterval) = (60, 43_200)
    /// Without a word of the CA's.
    static let usual: TimeInterval = 21_600

    /// - Parameter chance: from 0 up to 1.
    /// - Returns: whether the window is another than before.
    mutating func take(_ advice: ACMEClient.RenewalAdvice, now: Date, chance: Double) -> Bool {
        failures = 0
        let wait = advice.again.map { $0.timeIntervalSince(now) } ?? Self.usual
        next = now.addingTimeInterval(min(max(wait, Self.shortest), Self.longest))
        explanation = advice.info.explanationURL
        let window = advice.info.suggestedWindow
        guard window != self.window else { return false }
        self.window = window
        let length = window.end.timeIntervalSince(window.start)
        chosen = window.end <= now ? now : window.start.addingTimeInterval(length * min(max(chance, 0), 1))
        return true
    }

    /// The CA has no renewal information.
    mutating func takeNone(now: Date) {
        (window, chosen, explanation, failures) = (nil, nil, nil, 0)
        next = now.addingTimeInterval(Self.longest)
    }

    /// What was advised before holds on. After a failure that may pass the pauses grow from a minute to six hours, after any other it is
    /// six hours at once (RFC 9773 section 4.3).
    mutating func fail(_ error: ACMEClientError, now: Date) {
        failures = min(failures + 1, 1_000)
        let growing = min(Self.usual, 60 * pow(10, Double(min(failures, 5) - 1)))
        let pause: TimeInterval
        switch error {
        case .transport, .deadline: pause = growing
        case .rateLimited(let until, _, _): pause = until.map { $0.timeIntervalSince(now) } ?? growing
        case .notACME(_, let status, _) where status >= 500: pause = growing
        case .problem(let problem, _) where (problem.status ?? 0) >= 500: pause = growing
        default: pause = Self.usual
        }
        next = now.addingTimeInterval(min(max(pause, Self.shortest), Self.longest))
    }
}

extension StoreFolder {
    /// - Returns: nil if there is none about this certificate, or none that can be read.
    func advice(_ lineage: Lineage) -> Advice? {
        guard let identifier = lineage.identifier,
            let found = (try? read(Advice.self, from: "\(state(lineage.name))/renewal-info.json")) ?? nil,
            found.certificate == identifier
        else { return nil }
        return found
    }

    func save(_ advice: Advice, of name: String) throws(AgentError) {
        try Files.makeFolder(state(name))
        try write(advice, to: "\(state(name))/renewal-info.json")
    }
}

extension CertificateAgent {
    /// When a certificate is due, and why.
    func due(_ lineage: Lineage) -> (at: Date, reason: RenewalReason) {
        RenewalTime.due(
            notBefore: lineage.notBefore, notAfter: lineage.notAfter, advised: store.advice(lineage)?.chosen,
            installed: lineage.history.last?.at)
    }

    func isDue(_ lineage: Lineage) -> Bool { configuration.now() >= due(lineage).at }

    /// Asks the CA for its advice, if it is time to; a failure changes nothing but the time of the next question.
    /// - Parameter silent: CAs that did not answer before in this pass; they are not asked for each certificate.
    func consult(_ lineage: Lineage, silent: inout Set<String>) async {
        let now = configuration.now()
        guard let text = lineage.identifier, let identifier = try? CertificateIdentifier(text), lineage.notAfter > now,
            !silent.contains(lineage.ca)
        else { return }
        var advice = store.advice(lineage) ?? Advice(about: text, at: now)
        // A clock that was set back must not silence the CA.
        guard advice.next <= now || advice.next > now.addingTimeInterval(2 * Advice.longest) else { return }
        do throws(ACMEClientError) {
            let client = try client(lineage.ca, roots: (try? store.root(lineage.ca)).map { $0.map { [$0] } ?? [] } ?? [])
            if let answer = try await client.renewalAdvice(identifier) {
                if advice.take(answer, now: now, chance: chance()), let window = advice.window, let chosen = advice.chosen {
                    tell(
                        .advised(
                            name: lineage.name, start: window.start, end: window.end, chosen: chosen, page: advice.explanation))
                }
            } else {
                advice.takeNone(now: now)
            }
        } catch {
            if case .cancelled = error { return }
            advice.fail(error, now: now)
            if case .transport = error { silent.insert(lineage.ca) }
        }
        do throws(AgentError) { try store.save(advice, of: lineage.name) } catch { tell(.warning(error.message)) }
    }
}
