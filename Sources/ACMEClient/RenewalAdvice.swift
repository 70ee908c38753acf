public import ACME

public import struct Foundation.Date

extension ACMEClient {
    /// A CA's suggestion about a renewal, and when to ask for it again.
    public struct RenewalAdvice: Sendable, Equatable {
        /// Its window ends after it begins.
        public let info: RenewalInfo
        /// Unbounded but for a year: bound it (RFC 9773 section 4.3). Nil if the CA named no time.
        public let again: Date?
    }

    /// When the CA would have a certificate renewed (RFC 9773 section 4), by an unsigned GET. Nothing is waited for: an
    /// answer that asks to wait is an error.
    /// - Returns: nil if the CA offers no such information.
    /// - Throws: `notACME` also for a window that does not end after its start, which is as good as no answer (section 4.2).
    public func renewalAdvice(_ certificate: CertificateIdentifier) async throws(ACMEClientError) -> RenewalAdvice? {
        guard let base = try await directory().renewalInfo else { return nil }
        let answer = try await get("\(base)\(base.hasSuffix("/") ? "" : "/")\(certificate.text)", waits: false)
        let info = try answer.decode(RenewalInfo.self)
        guard info.suggestedWindow.end > info.suggestedWindow.start else {
            throw .notACME("its renewal window does not end after its start", status: answer.wire.status, url: answer.url)
        }
        return RenewalAdvice(info: info, again: answer.retryAfter(now: configuration.now()))
    }
}
