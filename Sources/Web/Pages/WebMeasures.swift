internal import ACME
internal import Measures
internal import NIOCore

/// What the web listeners count themselves, for `/metrics`.
final class WebMeasures: Sendable {
    private let requests = CounterTable<RouteName, StatusLabel>()
    private let requestTime = HistogramFamily<RouteName>()
    private let problems = CounterFamily<ProblemLabel>()

    /// - Parameter problem: the last part of its type.
    func count(_ route: RouteName, status: Int, problem: String?, _ taken: TimeAmount) {
        requests.add(route, StatusLabel(status))
        requestTime[route].observe(microseconds: Int(taken.nanoseconds / 1000))
        if let problem { problems.add(ProblemLabel(problem)) }
    }

    var readings: [Reading] {
        [
            Reading(
                "chancery_http_requests_total", .counter, "Requests answered.",
                requests.samples("route", "status", everything: false)),
            Reading(
                "chancery_http_request_seconds", .histogram, "Time from a request's header to its answer.",
                requestTime.samples("route")),
            Reading("chancery_problems_total", .counter, "Problem documents sent.", problems.samples("type")),
        ]
    }
}

/// The status codes that are sent here, and `other` for one that is not listed.
struct StatusLabel: LabelValue {
    private static let codes = [
        200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 406, 408, 409, 411, 412, 413, 414, 415, 417, 421, 429, 431, 500, 501,
        503,
        505,
    ]
    static let allCases = codes.map { StatusLabel($0) } + [StatusLabel(0)]

    let code: Int
    init(_ code: Int) { self.code = Self.codes.contains(code) ? code : 0 }

    var text: String { code == 0 ? "other" : String(code) }
}

/// The error types of RFC 8555, and `other`.
struct ProblemLabel: LabelValue {
    static let allCases = ErrorType.allCases.map { ProblemLabel($0.rawValue) } + [ProblemLabel("other")]

    private let type: ErrorType?
    init(_ name: String) { type = ErrorType(rawValue: name) }

    var text: String { type?.rawValue ?? "other" }
}
