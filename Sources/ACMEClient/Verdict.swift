import ACME
import Foundation

/// What an answer means, whatever its content type says: some servers and most proxies get that wrong.
enum Verdict {
    case success(Answer)
    /// 429 or 503, with the time to come again if there is one; the error is for those who won't wait.
    case busy(until: Date?, ACMEClientError)
    case refused(ACMEClientError)

    init(_ wire: WireAnswer, url: String, now: Date) {
        if (200...299).contains(wire.status) {
            self = .success(Answer(url: url, wire: wire))
            return
        }
        var problem = Self.problem(wire)
        problem?.status = wire.status
        if wire.status == 429 || wire.status == 503 {
            let until = wire.values("retry-after").first.flatMap { retryTime($0, now: now) } ?? Self.named(in: problem?.detail)
            self = .busy(until: until, .rateLimited(until: until, problem: problem, url: url))
        } else if let problem {
            self = .refused(.problem(problem, url: url))
        } else {
            self = .refused(.notACME("it is no problem document", status: wire.status, url: url))
        }
    }

    private static func problem(_ wire: WireAnswer) -> Problem? {
        guard let problem = try? JSONDecoder.acme.decode(Problem.self, strictly: wire.body),
            problem.type != "about:blank" || problem.detail != nil
        else { return nil }
        return problem
    }

    /// Let's Encrypt names the time in the text alone: `retry after 2026-11-25 10:00:00 UTC: see …`.
    private static func named(in detail: String?) -> Date? {
        guard let detail, let start = detail.range(of: "retry after ")?.upperBound else { return nil }
        let words = detail[start...].prefix(40).split(whereSeparator: { " TZ".contains($0) })
        guard words.count >= 2 else { return nil }
        return try? RFC3339.date("\(words[0])T\(words[1].prefix(8))Z")
    }
}

/// The pauses that one request may still make.
struct Pauses {
    private let configuration: ACMEClient.Configuration
    private var made = 0

    init(_ configuration: ACMEClient.Configuration) { self.configuration = configuration }

    /// Waits for what a 429 or 503 asked for (RFC 8555 section 6.6); without a time, 2, 4 and 8 seconds.
    /// - Throws: `error` after three pauses, or when the pause would be longer than `longestPause`; `cancelled`.
    mutating func wait(until: Date?, or error: ACMEClientError) async throws(ACMEClientError) {
        made += 1
        let pause = until.map { max(1, $0.timeIntervalSince(configuration.now())) } ?? Double(1 << made)
        guard made <= 3, pause <= configuration.longestPause.seconds else { throw error }
        try await configuration.pause(pause)
    }
}

extension ACMEClient.Configuration {
    /// - Throws: `cancelled` alone.
    func pause(_ seconds: Double) async throws(ACMEClientError) {
        do { try await sleep(.milliseconds(Int64(seconds * 1000))) } catch { throw .cancelled }
    }
}
