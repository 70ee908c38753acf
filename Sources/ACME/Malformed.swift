/// Bytes or text that do not follow their grammar.
public struct Malformed: Error, Sendable, Equatable, CustomStringConvertible {
    /// One clause for a person, without the final dot: `base64url has a character outside its alphabet`. Never quotes the input.
    public let reason: String

    /// - Parameter reason: one clause, without the final dot.
    public init(_ reason: String) { self.reason = reason }

    /// The reason.
    public var description: String { reason }
}
