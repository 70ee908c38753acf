internal import Foundation
internal import Synchronization

/// IMF-fixdate (RFC 9110 section 5.6.7), such as `Wed, 25 Nov 2026 02:35:00 GMT`.
func httpDate(_ date: Date) -> String {
    var seconds = time_t(date.timeIntervalSince1970.rounded(.down))
    var parts = tm()
    gmtime_r(&seconds, &parts)
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let (day, month) = (days[Int(parts.tm_wday) % 7], months[Int(parts.tm_mon) % 12])
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let time = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
    return "\(day), \(two(parts.tm_mday)) \(month) \(Int(parts.tm_year) + 1900) \(time) GMT"
}

/// The `Date` field, written once a second.
final class DateLine: Sendable {
    private let now: @Sendable () -> Date
    private let last = Mutex<(second: Int, text: String)>((.min, ""))

    init(now: @escaping @Sendable () -> Date) { self.now = now }

    var text: String {
        let date = now()
        let second = Int(date.timeIntervalSince1970.rounded(.down))
        return last.withLock { last in
            if last.second != second { last = (second, httpDate(date)) }
            return last.text
        }
    }
}
