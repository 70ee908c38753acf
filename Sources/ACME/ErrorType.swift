/// The error types of RFC 8555 section 6.7, and of RFC 9773 section 5.
public enum ErrorType: String, CaseIterable, Sendable {
    case accountDoesNotExist, alreadyReplaced, alreadyRevoked, badCSR, badNonce, badPublicKey, badRevocationReason,
        badSignatureAlgorithm, caa
    case compound, connection, dns, externalAccountRequired, incorrectResponse, invalidContact, malformed, orderNotReady
    case rateLimited, rejectedIdentifier, serverInternal, tls, unauthorized, unsupportedContact, unsupportedIdentifier
    case userActionRequired

    static let space = "urn:ietf:params:acme:error:"

    /// `urn:ietf:params:acme:error:` and the name.
    public var urn: String { Self.space + rawValue }
}
