package import Measures

/// Anti-replay nonces (RFC 8555 section 6.5): given to whoever asks, taken once.
package protocol NonceBook: Sendable {
    /// One that nobody had before; base64url.
    func issue() -> String
    /// True exactly once for each nonce that was given here (or by another server of the same authority); false for everything else.
    /// - Throws: `unavailable` when it cannot be told: then it may be spent.
    func spend(_ nonce: String) async throws(Refusal) -> Bool
    /// Whether what was known of an account before a nonce was spent must be asked again after it.
    var outdatesAccounts: Bool { get }
    /// Counts why nonces were not taken; whoever finds none in a request adds to it.
    var refusals: CounterFamily<NonceRefusal> { get }
}

/// Why a nonce was not taken: there was none, it was not given here (or long ago), it was given too long ago, it had been taken.
package enum NonceRefusal: String, LabelValue { case missing, unknown, old, spent }

extension NonceOffice: NonceBook {
    package var outdatesAccounts: Bool { false }
}
