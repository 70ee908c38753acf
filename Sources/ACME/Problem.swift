/// A problem document (RFC 9457) with ACME's members (RFC 8555 section 6.7).
public struct Problem: Error, Sendable, Hashable {
    /// A URI: see `ErrorType`. `about:blank` if the document has none.
    public var type: String
    /// For a person: what happened to this request, and what to change.
    public var detail: String?
    /// The HTTP status of the answer that carries or carried it.
    public var status: Int?
    /// For a person: what problems of this type are.
    public var title: String?
    /// A URI of this occurrence; with `userActionRequired` the page to visit.
    public var instance: String?
    /// Causes, each perhaps with its identifier.
    public var subproblems: [Problem]?
    /// Inside a subproblem only (RFC 8555 section 6.7.1).
    public var identifier: Identifier?
    /// With `badSignatureAlgorithm`: those that are served.
    public var algorithms: [String]?

    /// - Parameters:
    ///   - status: the HTTP status to answer with.
    ///   - identifier: for a problem that becomes a subproblem.
    public init(_ type: ErrorType, _ status: Int, _ detail: String, identifier: Identifier? = nil, subproblems: [Problem]? = nil)
    {
        (self.type, self.status, self.detail, self.identifier, self.subproblems) = (
            type.urn, status, detail, identifier, subproblems
        )
    }

    /// Nil for a type that `ErrorType` does not know.
    public var errorType: ErrorType? {
        type.hasPrefix(ErrorType.space) ? ErrorType(rawValue: String(type.dropFirst(ErrorType.space.count))) : nil
    }
}

extension Problem: Codable {
    private enum Name: String, CodingKey { case type, detail, status, title, instance, subproblems, identifier, algorithms }

    /// Takes what is of the right type and ignores the rest (RFC 9457 section 3.1): a poor document still says something.
    public init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Name.self)
        func member<Value: Decodable>(_ name: Name) -> Value? { (try? members.decodeIfPresent(Value.self, forKey: name)) ?? nil }
        type = member(.type) ?? "about:blank"
        detail = member(.detail)
        status = member(.status)
        title = member(.title)
        instance = member(.instance)
        subproblems = member(.subproblems)
        identifier = member(.identifier)
        algorithms = member(.algorithms)
    }
}
