/// What a certificate is to name (RFC 8555 section 9.7.7).
public struct Identifier: Sendable, Hashable, Codable {
    /// `dns` or another registered type.
    public var type: String
    /// For `dns` a name, in newOrder perhaps after `*.`.
    public var value: String

    /// Unchecked: see `DomainName`.
    public init(type: String, value: String) { (self.type, self.value) = (type, value) }

    /// Of type `dns`.
    public static func dns(_ value: String) -> Identifier { Identifier(type: "dns", value: value) }
}
