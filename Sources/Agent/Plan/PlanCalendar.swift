import ACME
import ACMEClient
import Crypto
import Foundation

/// A plan as a calendar (RFC 5545), to be imported again and again: what stays as it was keeps its identifier.
struct PlanCalendar {
    private var lines: [String] = []

    /// - Parameter store: the path of the store, so that those of two hosts stay apart.
    static func text(_ plan: RenewalPlan, store: String, product: String) -> String {
        var calendar = PlanCalendar()
        calendar.add("BEGIN:VCALENDAR")
        calendar.add("VERSION:2.0")
        calendar.add("PRODID:-//chancery//\(escaped(product))//EN")
        calendar.add("CALSCALE:GREGORIAN")
        calendar.add("METHOD:PUBLISH")
        var days: [String: Int] = [:]
        for renewal in plan.renewals {
            let title = "Renew \(renewal.name) at \(renewal.authority)"
            let key = "\(renewal.name) \(day(renewal.at))"
            days[key, default: 0] += 1
            var words =
                "Because \(renewal.reason.words). The certificate before is valid until \(RFC3339.string(renewal.before)), the new one until \(RFC3339.string(renewal.notAfter))."
            if let from = renewal.movedFrom { words += " It moves there from \(from.sanitized)." }
            calendar.event(
                "renewal \(key) \(days[key] ?? 1)", store, plan.from, at: renewal.at, title: title, words: words,
                category: "RENEWAL")
        }
        for risk in plan.risks {
            calendar.event(
                "risk \(risk.kind.rawValue) \(risk.name ?? "") \(risk.ca ?? "") \(risk.kind == .expires ? day(risk.at) : "")",
                store,
                plan.from, at: risk.at, title: "At risk: \(risk.name ?? risk.ca ?? "certificates") (\(risk.kind.rawValue))",
                words: "\(risk.text) \(risk.change)", category: risk.isGrave ? "GRAVE RISK" : "RISK")
        }
        calendar.add("END:VCALENDAR")
        return calendar.lines.map { "\($0)\r\n" }.joined()
    }

    private mutating func event(
        _ key: String, _ store: String, _ now: Date, at: Date, title: String, words: String, category: String
    ) {
        let digest = SHA256.hash(data: Data("\(store) \(key)".utf8)).prefix(16).map {
            ($0 < 16 ? "0" : "") + String($0, radix: 16)
        }
        add("BEGIN:VEVENT")
        add("UID:\(digest.joined())@chancery.invalid")
        add("DTSTAMP:\(Self.stamp(now))")
        add("DTSTART:\(Self.stamp(at))")
        add("DURATION:PT15M")
        add("SUMMARY:\(Self.escaped(title))")
        add("DESCRIPTION:\(Self.escaped(words))")
        add("CATEGORIES:\(Self.escaped(category))")
        add("TRANSP:TRANSPARENT")
        add("END:VEVENT")
    }

    /// Folds a line into pieces of at most 75 octets, none of which breaks a character (section 3.1).
    private mutating func add(_ line: String) {
        var (piece, room) = ("", 75)
        for character in line.unicodeScalars {
            let size = UTF8.width(character)
            if size > room {
                lines.append(piece)
                (piece, room) = (" ", 74)
            }
            piece.unicodeScalars.append(character)
            room -= size
        }
        lines.append(piece)
    }

    /// Section 3.3.11.
    static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "\\", ";", ",": result += "\\\(character)"
            case "\n", "\r\n", "\r": result += "\\n"
            default: result.append(character)
            }
        }
    }

    /// `20270115T093000Z`
    private static func stamp(_ date: Date) -> String {
        String(RFC3339.string(date).prefix(19).filter { $0 != "-" && $0 != ":" }) + "Z"
    }

    private static func day(_ date: Date) -> String { String(RFC3339.string(date).prefix(10)) }
}
