import ACME
import ACMEClient
package import Foundation

/// A CA that is supposed not to answer for a while.
package struct Outage: Sendable, Equatable, Encodable {
    /// Directory URL.
    package let ca: String
    package let from: Date
    /// Nil: for good.
    package let until: Date?

    init(ca: String, from: Date, until: Date?) { (self.ca, self.from, self.until) = (ca, from, until) }

    func covers(_ date: Date) -> Bool { from <= date && date < until ?? .distantFuture }
}

/// What `--what-if` says: `ca letsencrypt down 5d`, `ca letsencrypt down 36h from 2027-03-01`, `ca google gone`.
struct OutageText: Equatable {
    /// A name or a directory URL.
    let ca: String
    /// In seconds; nil: for good.
    let length: TimeInterval?
    /// Nil: from now on.
    let from: Date?

    /// - Throws: `needsPerson`, saying how it is written.
    init(_ text: String) throws(AgentError) {
        var words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        func wrong() -> AgentError {
            .needsPerson(
                "\(text.sanitized) is no supposition. Say 'ca NAME down 5d', 'ca NAME down 36h from 2027-03-01' or 'ca NAME gone'; units are w, d, h and m."
            )
        }
        var start: Date?
        if words.count > 2, words[words.count - 2] == "from" {
            let day = words[words.count - 1]
            start = (try? RFC3339.date(day)) ?? (try? RFC3339.date("\(day)T00:00:00Z"))
            guard start != nil else { throw wrong() }
            words.removeLast(2)
        }
        guard words.count >= 3, words[0] == "ca" else { throw wrong() }
        (ca, from) = (words[1], start)
        if words.count == 3, words[2] == "gone" {
            length = nil
        } else if words.count == 4, words[2] == "down", let seconds = Self.seconds(words[3]) {
            length = seconds
        } else {
            throw wrong()
        }
    }

    /// `5d`; up to ten years.
    private static func seconds(_ text: String) -> TimeInterval? {
        let units: [Character: Double] = ["w": 604_800, "d": 86_400, "h": 3600, "m": 60]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Int(text.dropLast()), count > 0,
            text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") })
        else { return nil }
        let seconds = Double(count) * unit
        return seconds <= 3_660 * 86_400 ? seconds : nil
    }
}
