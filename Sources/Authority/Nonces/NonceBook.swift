/// Anti-replay nonces (RFC 8555 section 6.5): given to whoever asks, taken once.
package protocol NonceBook: Sendable {
    /// One that nobody had before; base64url.
    func issue() -> String
    /// True exactly once for each nonce that was given here (or by another server of the same authority); false for everything else.
    /// - Throws: `unavailable` when it cannot be told: then it may be spent.
    func spend(_ nonce: String) async throws(Refusal) -> Bool
    /// Whether what was known of an account before a nonce was spent must be asked again after it.
    var outdatesAccounts: Bool { get }
}

extension NonceOffice: NonceBook {
    package var outdatesAccounts: Bool { false }
}
