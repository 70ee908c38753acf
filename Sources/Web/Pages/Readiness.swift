internal import NIOCore
internal import NIOHTTP1

/// One thing that must be in order for the server to do its work.
package struct ReadinessCheck: Sendable, Equatable {
    package enum Verdict: Sendable, Equatable {
        case ready
        /// A sentence each: what is wrong, and what to do about it. Strangers may read them.
        case notReady(reason: String, remedy: String)
    }
    /// Lower case with hyphens, such as `store-write`; a label of a metric.
    package var name: String
    package var verdict: Verdict

    package var isReady: Bool { verdict == .ready }

    package init(_ name: String, _ verdict: Verdict = .ready) { (self.name, self.verdict) = (name, verdict) }
    package init(_ name: String, unless reason: String?, remedy: String) {
        self.init(name, reason.map { .notReady(reason: $0, remedy: remedy) } ?? .ready)
    }
}

extension Answer {
    /// 200 when all is in order, else 503. JSON, a line for each check, so that it can be read as it is.
    static func readiness(_ checks: [ReadinessCheck]) -> Answer {
        let isReady = checks.allSatisfy(\.isReady)
        let lines = checks.map { check in
            JSONWriter.object { object in
                object.member("name", check.name)
                object.member("ready", check.isReady)
                if case .notReady(let reason, let remedy) = check.verdict {
                    object.member("reason", reason)
                    object.member("remedy", remedy)
                }
            }
        }
        let body =
            "{\"ready\":\(isReady),\"checks\":[\n" + lines.map { " " + String(buffer: $0) }.joined(separator: ",\n") + "\n]}\n"
        return Answer(isReady ? .ok : .serviceUnavailable, type: "application/json", body).with("Cache-Control", "no-store")
            .retrying(after: isReady ? nil : 10)
    }
}
