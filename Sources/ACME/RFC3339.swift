public import struct Foundation.Date

/// Instants as RFC 3339 writes them, years 0000 to 9999, in the proleptic Gregorian calendar.
public enum RFC3339 {
    /// - Returns: 20 characters, UTC, whole seconds rounded down: `2026-11-25T00:00:00Z`. Instants outside the years 0000 to
    ///   9999 become the nearest that can be written.
    public static func string(_ date: Date) -> String {
        let instant = date.timeIntervalSince1970
        let seconds = Int(instant.isNaN ? earliest : min(max(instant, earliest), latest).rounded(.down))
        let day = floor(seconds, by: 86_400)
        let second = seconds - day * 86_400
        let (year, month, dayOfMonth) = civil(day)
        return String(unsafeUninitializedCapacity: 20) { out in
            func put(_ value: Int, at: Int, _ after: UInt8) {
                out[at] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 10)
                out[at + 1] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10)
                out[at + 2] = after
            }
            put(year / 100, at: 0, 0)
            put(year % 100, at: 2, UInt8(ascii: "-"))
            put(month, at: 5, UInt8(ascii: "-"))
            put(dayOfMonth, at: 8, UInt8(ascii: "T"))
            put(second / 3600, at: 11, UInt8(ascii: ":"))
            put(second / 60 % 60, at: 14, UInt8(ascii: ":"))
            put(second % 60, at: 17, UInt8(ascii: "Z"))
            return 20
        }
    }

    /// Accepts any offset, fractions (kept to the nanosecond), lower-case `t` and `z`, and the leap second 60 as the next one.
    /// - Throws: `Malformed` for everything else, a day that the month does not have included.
    public static func date(_ text: some StringProtocol) throws(Malformed) -> Date {
        let bytes = Array(text.utf8.prefix(64))
        guard bytes.count >= 20, text.utf8.count == bytes.count else { throw Malformed("time is not of RFC 3339's form") }
        func two(_ at: Int) throws(Malformed) -> Int { try digit(bytes[at]) * 10 + digit(bytes[at + 1]) }
        func expect(_ at: Int, _ allowed: Unicode.Scalar...) throws(Malformed) {
            guard allowed.contains(Unicode.Scalar(bytes[at])) else { throw Malformed("time is not of RFC 3339's form") }
        }
        let year = try two(0) * 100 + two(2)
        try expect(4, "-")
        let month = try two(5)
        try expect(7, "-")
        let day = try two(8)
        try expect(10, "T", "t")
        let hour = try two(11)
        try expect(13, ":")
        let minute = try two(14)
        try expect(16, ":")
        let second = try two(17)
        var at = 19
        var nanoseconds = 0.0
        if bytes[at] == UInt8(ascii: ".") {
            at += 1
            var scale = 1e8
            let first = at
            while at < bytes.count, let value = try? digit(bytes[at]) {
                if at - first < 9 { nanoseconds += Double(value) * scale }
                scale /= 10
                at += 1
            }
            guard at > first, at < bytes.count else { throw Malformed("time is not of RFC 3339's form") }
        }
        var offset = 0
        if bytes[at] == UInt8(ascii: "Z") || bytes[at] == UInt8(ascii: "z") {
            guard at + 1 == bytes.count else { throw Malformed("time is not of RFC 3339's form") }
        } else {
            guard at + 6 == bytes.count else { throw Malformed("time is not of RFC 3339's form") }
            try expect(at, "+", "-")
            try expect(at + 3, ":")
            let (hours, minutes) = (try two(at + 1), try two(at + 4))
            guard hours < 24, minutes < 60 else { throw Malformed("time has an offset that does not exist") }
            offset = (hours * 60 + minutes) * (bytes[at] == UInt8(ascii: "-") ? -60 : 60)
        }
        guard (1...12).contains(month), (1...length(of: month, year)).contains(day), hour < 24, minute < 60, second <= 60 else {
            throw Malformed("time names an instant that does not exist")
        }
        let whole = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
        return Date(timeIntervalSince1970: Double(whole) + nanoseconds / 1e9)
    }

    private static let earliest = -62_167_219_200.0
    private static let latest = 253_402_300_799.0

    private static func digit(_ byte: UInt8) throws(Malformed) -> Int {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { throw Malformed("time is not of RFC 3339's form") }
        return Int(byte - UInt8(ascii: "0"))
    }

    private static func floor(_ value: Int, by divisor: Int) -> Int { (value - (value % divisor + divisor) % divisor) / divisor }

    private static func length(of month: Int, _ year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970-01-01. Years begin in March here, so that the leap day is the last one (Howard Hinnant's algorithm).
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = floor(year, by: 400)
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = floor(shifted, by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let civilMonth = month < 10 ? month + 3 : month - 9
        return (yearOfEra + era * 400 + (civilMonth <= 2 ? 1 : 0), civilMonth, day)
    }
}
