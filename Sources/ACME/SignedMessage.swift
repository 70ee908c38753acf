/// A request's body: RFC 7515's flattened JWS as RFC 8555 section 6.2 narrows it. What was signed is kept as it arrived.
public struct SignedMessage: Sendable {
    /// By which key the message says it is signed.
    public enum Signer: Sendable, Equatable {
        /// By this very key.
        case jwk(JWK)
        /// By the key of the account with this URL, which is not yet checked in any way.
        case kid(String)
    }

    /// Why a body is no message; which problem type to answer with.
    public enum Refused: Error, Equatable {
        /// Not of the form.
        case malformed(String)
        /// The value of `alg`, as it was sent.
        case unsupportedAlgorithm(String)
        /// A key that is not served, or does not fit `alg`.
        case badPublicKey(String)
    }

    /// The protected `alg`.
    public let algorithm: SignatureAlgorithm
    /// The protected `nonce`: characters of base64url, at least one. Nil if there is none (RFC 8555 section 6.5 makes that
    /// `badNonce`, not `malformed`).
    public let nonce: String?
    /// The protected `url`, not yet compared with anything.
    public let url: String
    /// The protected `jwk` or `kid`.
    public let signer: Signer
    /// Decoded; empty for POST-as-GET.
    public let payload: [UInt8]
    private let signed: [UInt8]
    private let signature: [UInt8]

    /// - Parameter body: bounded by the caller.
    public init(_ body: some Collection<UInt8>) throws(Refused) {
        do { try self.init(flattened: JSON(parsing: body)) } catch { throw Refused(error) }
    }

    /// The message inside a key change (RFC 8555 section 7.3.5): it names its key by `jwk` and has no `nonce`.
    public init(inner: [UInt8]) throws(Refused) {
        try self.init(inner)
        guard case .jwk = signer else { throw .malformed("the inner message does not name its key by jwk") }
        guard nonce == nil else { throw .malformed("the inner message has a nonce") }
    }

    /// Whether the signature over the bytes that arrived is that key's; false, too, if `algorithm` does not fit it.
    public func isSigned(by key: JWK) -> Bool { key.isValid(signature, over: signed, by: algorithm) }

    private init(flattened json: JSON) throws {
        guard let outer = json.object else { throw Malformed("the body is not a JSON object") }
        guard outer["signatures"] == nil else { throw Malformed("the JWS is not of the flattened form") }
        guard outer["header"] == nil else { throw Malformed("the JWS has an unprotected header") }
        let protected = try Self.text("protected", outer)
        let encodedPayload = try Self.text("payload", outer)
        payload = try Base64URL.decode(encodedPayload)
        signature = try Base64URL.decode(try Self.text("signature", outer))
        guard !signature.isEmpty else { throw Malformed("the JWS has an empty signature") }
        signed = Array(protected.utf8) + [UInt8(ascii: ".")] + Array(encodedPayload.utf8)

        guard let header = try JSON(parsing: Base64URL.decode(protected)).object else {
            throw Malformed("the protected header is not a JSON object")
        }
        guard header["crit"] == nil else { throw Malformed("the protected header has crit, of which nothing is understood here") }
        guard header["b64"] == nil else { throw Malformed("the protected header has b64, which ACME does not allow") }
        let alg = try Self.text("alg", header)
        guard let algorithm = SignatureAlgorithm(rawValue: alg) else { throw Refused.unsupportedAlgorithm(alg) }
        self.algorithm = algorithm
        url = try Self.text("url", header)
        nonce = header["nonce"] == nil ? nil : try Self.text("nonce", header)
        guard nonce.map(Base64URL.isWord) ?? true else { throw Malformed("nonce is not base64url") }
        signer = try Self.signer(header, for: algorithm)
    }

    private static func signer(_ header: [String: JSON], for algorithm: SignatureAlgorithm) throws -> Signer {
        switch (header["jwk"], header["kid"]) {
        case (nil, nil): throw Malformed("the protected header has neither jwk nor kid")
        case (.some, .some): throw Malformed("the protected header has both jwk and kid")
        case (nil, .some): return .kid(try text("kid", header))
        case (.some(let jwk), nil):
            let key = try JWK(jwk)
            guard key.algorithms.contains(algorithm) else { throw Refused.badPublicKey("alg does not fit the key in jwk") }
            return .jwk(key)
        }
    }

    private static func text(_ name: String, _ members: [String: JSON]) throws(Malformed) -> String {
        guard let member = members[name] else { throw Malformed("\(name) is missing") }
        guard let text = member.string else { throw Malformed("\(name) is not a string") }
        return text
    }
}

extension SignedMessage.Refused {
    fileprivate init(_ error: any Error) {
        switch error {
        case let refused as SignedMessage.Refused: self = refused
        case let malformed as Malformed: self = .malformed(malformed.reason)
        case JWK.Refused.malformed(let reason): self = .malformed(reason)
        case JWK.Refused.unsupported(let reason): self = .badPublicKey(reason)
        default: self = .malformed("the body is not a JWS")
        }
    }
}
