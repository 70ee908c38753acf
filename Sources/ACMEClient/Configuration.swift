public import struct Foundation.Date

extension ACMEClient {
    /// How a client behaves, and where its time comes from.
    public struct Configuration: Sendable {
        /// The caller's product for User-Agent (RFC 8555 section 6.1), such as `chancery/1.0`; this library's follows it.
        public var product: String
        /// Accept-Language of every request (RFC 8555 section 6.1).
        public var language: String = "en"
        /// PEM texts of roots that are trusted beside the system's.
        public var trustRoots: [String] = []
        /// From the first byte sent to the last one received, for one request.
        public var requestTimeout: Duration = .seconds(30)
        /// How long an authorization or an order may take in all.
        public var patience: Duration = .seconds(600)
        /// The longest pause that a 429 or 503 may ask for; what asks for more is `ACMEClientError.rateLimited`.
        public var longestPause: Duration = .seconds(60)
        /// How often one request is sent again after `badNonce` (RFC 8555 section 6.5).
        public var badNonceRetries: Int = 20
        /// Bytes of one answer's body.
        public var bodyLimit: Int = 1 << 20
        /// The wall clock.
        public var now: @Sendable () -> Date = { Date() }
        /// Waits, or throws when the task is cancelled.
        public var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }

        /// - Parameter product: `name/version`, only visible ASCII.
        public init(product: String = "swift-acme/1") { self.product = product }
    }
}

extension Duration {
    /// For calendar arithmetic.
    var seconds: Double { self / .seconds(1) }
}
