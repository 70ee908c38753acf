/// Where a server does what (RFC 8555 section 7.1.1). All are absolute URLs.
public struct Directory: Sendable, Equatable, Codable {
    /// HEAD and GET give a nonce.
    public var newNonce: String
    /// POST by a `jwk`.
    public var newAccount: String
    /// POST by an account.
    public var newOrder: String
    /// Absent where authorizations come from orders only.
    public var newAuthz: String?
    /// POST by an account or by the certificate's key.
    public var revokeCert: String
    /// POST of a message inside a message.
    public var keyChange: String
    /// RFC 9773; absent where renewal information is not served.
    public var renewalInfo: String?
    /// What the server says of itself.
    public var meta: Meta?

    /// RFC 8555 section 9.7.6.
    public struct Meta: Sendable, Equatable, Codable {
        /// URL of the terms to agree to, if agreement is required.
        public var termsOfService: String?
        /// URL about the server, for people.
        public var website: String?
        /// The exact `issue` values for CAA records.
        public var caaIdentities: [String]?
        /// Whether newAccount wants an `externalAccountBinding`.
        public var externalAccountRequired: Bool?
        /// Name and a text for people.
        public var profiles: [String: String]?

        /// Unchecked.
        public init(
            termsOfService: String? = nil, website: String? = nil, caaIdentities: [String]? = nil,
            externalAccountRequired: Bool? = nil, profiles: [String: String]? = nil
        ) {
            (self.termsOfService, self.website, self.caaIdentities) = (termsOfService, website, caaIdentities)
            (self.externalAccountRequired, self.profiles) = (externalAccountRequired, profiles)
        }
    }

    /// Unchecked.
    public init(
        newNonce: String, newAccount: String, newOrder: String, newAuthz: String? = nil, revokeCert: String, keyChange: String,
        renewalInfo: String? = nil, meta: Meta? = nil
    ) {
        (self.newNonce, self.newAccount, self.newOrder, self.newAuthz) = (newNonce, newAccount, newOrder, newAuthz)
        (self.revokeCert, self.keyChange, self.renewalInfo, self.meta) = (revokeCert, keyChange, renewalInfo, meta)
    }
}
