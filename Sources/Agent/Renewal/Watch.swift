import ACMEClient
import Foundation

extension CertificateAgent {
    /// How long the service sleeps at most: new certificates, a clock that was set, and a machine that slept are noticed after this.
    static let longestSleep: TimeInterval = 900
    /// How long it sleeps at least, whatever seems to be due.
    static let shortestSleep: TimeInterval = 10

    /// Keeps all certificates of the store valid until the task is cancelled: pass after pass of `renew`, with sleep in between up to the
    /// next thing to do; once a month each backup CA shows that it would take over. What it knows is on disk: it may be killed and started again at any time. A store that cannot be read is
    /// told, and tried again.
    /// - Parameter report: gets what each pass did, if it did something.
    package func watch(_ request: RenewRequest = RenewRequest(), report: (RenewalReport) -> Void) async {
        var request = request
        request.isWatching = true
        var told: Date?
        while !Task.isCancelled {
            var next: Date?
            do throws(AgentError) {
                let done = try await renew(request)
                if !done.entries.isEmpty { report(done) }
                next = done.next
                _ = try await drillDue(preflight: request.preflight)
            } catch { tell(.warning(error.message)) }
            let now = configuration.now()
            let wait = min(
                max(next.map { $0.timeIntervalSince(now) } ?? .infinity, Self.shortestSleep), Self.longestSleep)
            if let next, next > now, next != told {
                told = next
                tell(.sleeping(until: next))
            }
            do { try await configuration.sleep(.seconds(wait)) } catch { return }
        }
    }
}
