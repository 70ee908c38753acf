internal import ACME
internal import NIOHTTP1

extension Answer {
    /// RFC 9457. A 401 names a scheme, since RFC 9110 section 15.5.2 wants one.
    init(_ problem: Problem, status: Int? = nil) {
        let code = status ?? problem.status ?? 500
        var problem = problem
        problem.status = code
        self.init(
            HTTPResponseStatus(statusCode: code),
            ["Content-Type": "application/problem+json", "Content-Language": "en"],
            body: JSONWriter.object { $0.members(problem) })
        facts.problem = problem.errorType?.rawValue ?? "other"
        if code == 401 { headers.add(name: "WWW-Authenticate", value: "ACME realm=\"account\"") }
    }

    static func notFound(_ detail: String = "There is nothing under this path.") -> Answer {
        Answer(Problem(.malformed, 404, detail))
    }

    /// 405 with `Allow` (RFC 9110 section 15.5.6).
    static func notAllowed(_ method: HTTPMethod, _ route: Route) -> Answer {
        let allowed = route.methods.map(\.rawValue).joined(separator: ", ")
        let detail =
            route.isACME && (method == .GET || method == .HEAD)
            ? "This resource is read by POST-as-GET (RFC 8555 section 6.3)." : "This resource takes \(allowed)."
        return Answer(Problem(.malformed, 405, detail)).with("Allow", allowed)
    }

    /// JSON without a charset, as RFC 8259 has it.
    static func json(_ status: HTTPResponseStatus = .ok, _ members: (inout JSONWriter) -> Void) -> Answer {
        Answer(status, ["Content-Type": "application/json"], body: JSONWriter.object(members))
    }
}
