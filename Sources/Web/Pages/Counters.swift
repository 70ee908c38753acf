internal import NIOCore
internal import Synchronization

/// What the web listeners count themselves, for `/metrics`.
final class Counters: Sendable {
    private struct Request: Hashable, Comparable {
        let route: String
        let status: Int
        static func < (one: Request, other: Request) -> Bool { (one.route, one.status) < (other.route, other.status) }
    }
    private struct Counts {
        var requests: [Request: Int] = [:]
        var problems: [String: Int] = [:]
        var nanoseconds: [String: Int64] = [:]
    }
    private let counts = Mutex(Counts())

    func count(route: String, status: Int, problem: String?, _ taken: TimeAmount) {
        counts.withLock { counts in
            counts.requests[Request(route: route, status: status), default: 0] += 1
            counts.nanoseconds[route, default: 0] += taken.nanoseconds
            if let problem { counts.problems[problem, default: 0] += 1 }
        }
    }

    /// Labels are names of ours, so nothing needs escaping.
    var readings: [Reading] {
        let counts = counts.withLock { $0 }
        let requests = counts.requests.sorted { $0.key < $1.key }.map { request, count in
            Reading.Sample(labels: [("route", request.route), ("status", String(request.status))], value: Double(count))
        }
        let problems = counts.problems.sorted { $0.key < $1.key }.map {
            Reading.Sample(labels: [("type", $0)], value: Double($1))
        }
        let seconds = counts.nanoseconds.sorted { $0.key < $1.key }.map {
            Reading.Sample(labels: [("route", $0)], value: Double($1) / 1e9)
        }
        return [
            Reading("chancery_http_requests_total", .counter, "Requests answered.", requests),
            Reading("chancery_http_request_seconds_total", .counter, "Time between a request's header and its answer.", seconds),
            Reading("chancery_problems_total", .counter, "Problem documents sent.", problems),
        ]
    }
}
