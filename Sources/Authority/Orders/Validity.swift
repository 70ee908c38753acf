internal import ACME
internal import Foundation
internal import PKIX

/// From when to when a certificate is valid; both ends count (RFC 5280 section 4.1.2.5).
struct Validity: Equatable {
    let notBefore: Date
    let notAfter: Date

    /// What an order asks for must be had to the second, or is refused with the limits (RFC 8555 section 7.4).
    /// - Parameter end: the issuer's last second.
    static func check(notBefore: Date?, notAfter: Date?, policy: AuthorityPolicy, now: Date, end: Date) throws(Refusal) {
        for (name, date) in [("notBefore", notBefore), ("notAfter", notAfter)] {
            guard let date, date != date.wholeSeconds else { continue }
            throw .malformed("\(name) must be in whole seconds.")
        }
        if let notBefore {
            let earliest = now.addingTimeInterval(-policy.earliestNotBefore.inSeconds)
            let latest = now.addingTimeInterval(policy.latestNotBefore.inSeconds)
            guard notBefore >= earliest.wholeSeconds, notBefore <= latest else {
                throw .malformed("notBefore must lie between \(RFC3339.string(earliest)) and \(RFC3339.string(latest)).")
            }
        }
        let begin = notBefore ?? now.addingTimeInterval(-policy.backdate.inSeconds).wholeSeconds
        let last = begin.addingTimeInterval(policy.certificateLifetime.inSeconds - 1)
        guard begin < end else { throw .malformed("notBefore lies behind the issuer's end, \(RFC3339.string(end)).") }
        if let notAfter {
            guard notAfter > begin else { throw .malformed("notAfter must be later than notBefore.") }
            guard notAfter > now else { throw .malformed("notAfter lies in the past.") }
            guard notAfter <= last else {
                throw .malformed(
                    "notAfter must not be later than \(RFC3339.string(last)): certificates live at most \(policy.certificateLifetime.components.seconds) s."
                )
            }
            guard notAfter <= end else { throw .malformed("notAfter lies behind the issuer's end, \(RFC3339.string(end)).") }
        } else if notBefore != nil, last > end, begin >= end {
            throw .malformed("The issuer ends at \(RFC3339.string(end)).")
        }
    }

    /// - Throws: `malformed` when too little time is left for the order's wishes.
    init(notBefore: Date?, notAfter: Date?, policy: AuthorityPolicy, now: Date, end: Date) throws(Refusal) {
        let begin = notBefore ?? now.addingTimeInterval(-policy.backdate.inSeconds).wholeSeconds
        let last = notAfter ?? begin.addingTimeInterval(policy.certificateLifetime.inSeconds - 1)
        self.notBefore = begin
        self.notAfter = min(last, end)
        guard self.notAfter > now, self.notAfter > begin else { throw .malformed("The order's notAfter has passed.") }
    }
}

extension Date {
    /// Rounded down.
    var wholeSeconds: Date { Date(timeIntervalSince1970: timeIntervalSince1970.rounded(.down)) }
}
