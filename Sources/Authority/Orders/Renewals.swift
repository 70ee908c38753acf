package import ACME
internal import Foundation
internal import Store

/// RFC 9773: when to renew, and what an order replaces.
extension CertificateAuthority {
    /// The window that is suggested for a certificate's renewal, and after how many seconds to ask again. Asked for by anybody.
    /// - Returns: nil for a certificate that is not this authority's.
    package func renewalInfo(_ certificate: CertificateIdentifier) async throws(Refusal) -> (info: RenewalInfo, retryAfter: Int)?
    {
        let found = try await stored { () async throws(StoreError) in
            try await store.renewal(issuer: certificate.keyIdentifier.hex, serial: certificate.serial)
        }
        guard let found else { return nil }
        let schedule = RenewalSchedule(found)
        let info = RenewalInfo(suggestedWindow: schedule.window, explanationURL: found.announcement?.explanation)
        return (info, schedule.retryAfter)
    }

    /// What a new order for the names may say that it replaces: a certificate of the same account that shares a name with it.
    /// - Returns: the text to store and to show for the order's life.
    /// - Throws: `malformed`, `notYoursToReplace`.
    func replaceable(_ text: String?, by names: [DomainName], for account: RecordID) async throws(Refusal) -> String? {
        guard let text else { return nil }
        let certificate: CertificateIdentifier
        do { certificate = try CertificateIdentifier(text) } catch {
            throw .malformed("replaces does not name a certificate: \(error.reason).")
        }
        let found = try await stored { () async throws(StoreError) in
            try await store.certificate(issuer: certificate.keyIdentifier.hex, serial: certificate.serial)
        }
        guard let found else { throw .malformed("replaces names no certificate of this authority.") }
        guard found.account == account else { throw .notYoursToReplace }
        guard !Set(found.identifiers.map(\.value)).isDisjoint(with: names.map(\.text)) else {
            throw .malformed("The certificate in replaces and the order have no name in common.")
        }
        return certificate.text
    }
}

/// When a certificate should be renewed, by the length of its own life alone, so that six days and forty-five are treated alike.
struct RenewalSchedule {
    /// Around the moment at which a third of the life is left, a twelfth of the life wide: renewals spread out, and there is time for
    /// failures. In the past for what should be renewed at once.
    let window: RenewalInfo.Window
    /// Seconds: some 24 times in a life, but not more often than each minute and not more seldom than each six hours.
    let retryAfter: Int

    init(_ certificate: StoredRenewal) {
        let life = max(0, certificate.notAfter.timeIntervalSince(certificate.notBefore) + 1)
        var start = certificate.notAfter.addingTimeInterval(-life / 3 - life / 24).wholeSeconds
        var end = max(start.addingTimeInterval(1), certificate.notAfter.addingTimeInterval(-life / 3 + life / 24).wholeSeconds)
        if let hurry = [certificate.revoked, certificate.announcement?.at].compactMap(\.self).min(), hurry < end {
            // An hour wide and over: a client renews at once.
            end = hurry.wholeSeconds
            start = min(start, end.addingTimeInterval(-3600))
        }
        window = RenewalInfo.Window(start: start, end: end)
        retryAfter = Int(min(6 * 3600, max(60, life / 24)))
    }
}
