/// An arrow that RFC 8555 section 7.1.6 does not draw: a fault of the program or a lost race, never of the other side.
public struct IllegalTransition: Error, Sendable, Equatable {
    /// The status, as the wire spells it.
    public let from: String
    /// The event's name.
    public let event: String

    init(_ from: some RawRepresentable<String>, _ event: some RawRepresentable<String>) {
        (self.from, self.event) = (from.rawValue, event.rawValue)
    }
}
