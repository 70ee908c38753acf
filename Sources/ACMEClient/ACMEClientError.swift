public import ACME

public import struct Foundation.Date

/// Everything that can go wrong between a caller and a CA. Texts of the CA stand inside as they came: print
/// `description`, which is `sanitized`, and never a member.
public enum ACMEClientError: Error, Sendable, Equatable {
    /// The CA refused, and said why (RFC 8555 section 6.7).
    case problem(Problem, url: String)
    /// The CA asks to come again later than this client is willing to wait (RFC 8555 section 6.6).
    /// `until` is nil where it named no time.
    case rateLimited(until: Date?, problem: Problem?, url: String)
    /// An order or authorization ended as `invalid`, or in another state out of which no certificate comes.
    case failed(String, problem: Problem?)
    /// No answer: name, connection, TLS or HTTP failed. The text is this machine's, not the CA's.
    case transport(String, url: String)
    /// TLS came to no agreement; mostly the server's certificate has a root that is not trusted here.
    case untrusted(String, url: String)
    /// An answer came that no ACME server gives, such as a proxy's HTML page.
    case notACME(String, status: Int, url: String)
    /// A URL that is not absolute `https` (RFC 8555 section 6.1), be it the caller's or from an answer.
    case insecureURL(String)
    /// An answer's body is longer than `limit` bytes.
    case tooLarge(limit: Int, url: String)
    /// Waiting took longer than `ACMEClient.Configuration.patience`. The text says for what.
    case deadline(String)
    /// What was downloaded is no chain of certificates (RFC 8555 section 11.4).
    case badChain(String)
    /// The CA's directory lacks the resource of this name.
    case unsupported(String)
    /// The caller's own value cannot be sent.
    case input(String)
    /// The task was cancelled.
    case cancelled
}

extension ACMEClientError {
    /// The problem that the CA gave as its reason, if it gave one.
    public var problem: Problem? {
        switch self {
        case .problem(let problem, _): problem
        case .rateLimited(_, let problem, _), .failed(_, let problem): problem
        default: nil
        }
    }
}

extension ACMEClientError: CustomStringConvertible {
    /// One or more lines for a person, safe for a terminal.
    public var description: String {
        switch self {
        case .problem(let problem, let url): "The CA refused (\(url.sanitized)): \(problem.sentence)"
        case .rateLimited(let until, let problem, let url):
            "The CA asks to wait\(until.map { " until \(RFC3339.string($0))" } ?? "") (\(url.sanitized))."
                + (problem.map { " \($0.sentence)" } ?? "")
        case .failed(let what, let problem): "\(what.sanitized)\(problem.map { ": \($0.sentence)" } ?? ".")"
        case .transport(let reason, let url): "No answer from \(url.sanitized): \(reason.sanitized)"
        case .untrusted(let reason, let url):
            "The server at \(url.sanitized) is not trusted: \(reason.sanitized)."
        case .notACME(let reason, let status, let url):
            "\(url.sanitized) does not answer like an ACME server (HTTP \(status)): \(reason.sanitized)"
        case .insecureURL(let url): "Only absolute https URLs are used, which this is not: \(url.sanitized)"
        case .tooLarge(let limit, let url): "The answer of \(url.sanitized) is longer than \(limit) bytes."
        case .deadline(let what): "Gave up waiting: \(what.sanitized)"
        case .badChain(let reason): "The downloaded chain is not usable: \(reason.sanitized)"
        case .unsupported(let resource): "This CA does not offer \(resource.sanitized)."
        case .input(let reason): reason.sanitized
        case .cancelled: "Cancelled."
        }
    }
}

extension Problem {
    /// Type, detail, page to visit, algorithms and subproblems for a person, safe for a terminal. At most 20 subproblems; of those that
    /// concern no identifier, such as each of several failed queries (RFC 8555 section 8.2), only what the detail does not say.
    public var sentence: String {
        let kind = type.hasPrefix("urn:ietf:params:acme:error:") ? String(type.dropFirst(27)) : type
        var text = kind.sanitized
        if let detail { text += ": \(detail.sanitized)" }
        if let identifier { text = "\(identifier.value.sanitized): \(text)" }
        if let instance { text += " (see \(instance.sanitized))" }
        if let algorithms { text += " (it takes \(algorithms.prefix(10).joined(separator: ", ").sanitized))" }
        // A CA that tries more than once may say the same each time.
        var said: Set<String> = [text]
        for subproblem in (subproblems ?? []).prefix(20) where subproblem.identifier != nil || detail == nil {
            var flat = subproblem
            flat.subproblems = nil
            if said.insert(flat.sentence).inserted { text += "; \(flat.sentence)" }
        }
        return text
    }
}
