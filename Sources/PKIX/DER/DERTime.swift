internal import SwiftASN1

package import struct Foundation.Date

/// Time as RFC 5280 section 4.1.2.5 writes it: whole seconds, `Z`, UTCTime through 2049 and GeneralizedTime from 2050.
extension DER {
    /// - Parameter date: rounded down to the second; 1950 through 9999.
    package static func time(_ date: Date) -> [UInt8] {
        let stamp = CivilTime(date)
        return stamp.year < 2050 ? element(0x17, stamp.digits(centuries: false)) : element(0x18, stamp.digits(centuries: true))
    }
}

extension ASN1Node {
    /// UTCTime or GeneralizedTime of RFC 5280; which of the two it was is the caller's to judge.
    func time(_ what: String) throws(Unacceptable) -> Date {
        var digits = try primitive(what)
        if identifier == .utcTime, digits.count == 13 {
            digits = Array((digits[0] >= 0x35 ? "19" : "20").utf8) + digits
        }
        guard identifier == .utcTime || identifier == .generalizedTime, digits.count == 15, digits.last == 0x5a,
            let date = CivilTime.date(digits.dropLast())
        else { throw .malformed("\(what) is no time in the form of RFC 5280") }
        return date
    }
}

/// A point in UTC by the proleptic Gregorian calendar (days after Howard Hinnant's civil-from-days).
private struct CivilTime {
    var year: Int, month: Int, day: Int, second: Int

    init(_ date: Date) {
        let seconds = Int(date.timeIntervalSince1970.rounded(.down).clamped(to: -631_152_000...253_402_300_799))
        let days = (seconds - ((seconds % 86_400) + 86_400) % 86_400) / 86_400
        second = seconds - days * 86_400
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    func digits(centuries: Bool) -> [UInt8] {
        var text: [UInt8] = []
        for (value, width) in [
            (centuries ? year : year % 100, centuries ? 4 : 2), (month, 2), (day, 2), (second / 3600, 2), (second / 60 % 60, 2),
            (second % 60, 2),
        ] {
            var divisor = width == 4 ? 1000 : 10
            while divisor > 0 {
                text.append(0x30 + UInt8(value / divisor % 10))
                divisor /= 10
            }
        }
        return text + [0x5a]
    }

    /// - Parameter digits: `YYYYMMDDhhmmss`, 14 octets; nil for anything that is no date or no time of day.
    static func date(_ digits: ArraySlice<UInt8>) -> Date? {
        guard digits.count == 14, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        let start = digits.startIndex
        func number(_ from: Int, _ width: Int) -> Int {
            digits[(start + from)..<(start + from + width)].reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }
        let (year, month, day) = (number(0, 4), number(4, 2), number(6, 2))
        let (hour, minute, second) = (number(8, 2), number(10, 2), number(12, 2))
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        guard year >= 1950, (1...12).contains(month), hour < 24, minute < 60, second < 60 else { return nil }
        let length = month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
        guard (1...length).contains(day) else { return nil }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear % 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return Date(timeIntervalSince1970: Double(days * 86_400 + hour * 3600 + minute * 60 + second))
    }
}

extension Double {
    fileprivate func clamped(to range: ClosedRange<Double>) -> Double { min(max(self, range.lowerBound), range.upperBound) }
}
