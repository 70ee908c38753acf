import ACME
import Foundation
import Logging
import Synchronization

/// One event, one line, on a sink.
/// Text: `2026-11-24T10:00:00.123Z info  Order created account="…" order=…`; JSON: one object with `time`, `level`, `label`,
/// `message` and the metadata as members of their own names (a name that collides is prefixed with `_`).
struct LineLogHandler: LogHandler {
    let label: String
    let format: LogFormat
    let sink: LogSink
    let now: @Sendable () -> Date
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = event.metadata ?? [:]
        if let provided = metadataProvider?.get() { all.merge(provided) { own, _ in own } }
        if !metadata.isEmpty { all.merge(metadata) { own, _ in own } }
        if let error = event.error { all["error"] = all["error"] ?? "\(error)" }
        sink.log(logLine(format, now(), event.level, label, event.message.description, all))
    }
}

/// With its line feed, and no other in it.
func logLine(
    _ format: LogFormat, _ time: Date, _ level: Logger.Level, _ label: String, _ message: String, _ metadata: Logger.Metadata
)
    -> String
{
    let pairs = metadata.sorted { $0.key < $1.key }
    switch format {
    case .text:
        var line = timestamp(time)
        line.reserveCapacity(320)
        line += " "
        line += level.rawValue
        for _ in level.rawValue.utf8.count..<9 { line += " " }
        line += message.printable()
        for (key, value) in pairs {
            line += " "
            line += bareKey(key)
            line += "="
            line += textual(value)
        }
        line += "\n"
        return line
    case .json:
        var line =
            "{\"time\":\"\(timestamp(time))\",\"level\":\"\(level.rawValue)\",\"label\":\(jsonString(label)),\"message\":\(jsonString(message))"
        for (key, value) in pairs {
            let name = ["time", "level", "label", "message"].contains(key) ? "_\(key)" : key
            line += ",\(jsonString(name)):\(json(value))"
        }
        return line + "}\n"
    }
}

/// Milliseconds in UTC, RFC 3339. Most lines are of the same second as the one before, whose text is kept.
func timestamp(_ time: Date) -> String {
    let whole = time.timeIntervalSince1970.rounded(.down)
    let milliseconds = min(999, max(0, Int((time.timeIntervalSince1970 - whole) * 1000)))
    let second = latestSecond.withLock { latest in
        if latest.second != whole {
            latest = (whole, String(Date(timeIntervalSince1970: whole).formatted(Date.ISO8601FormatStyle()).dropLast()))
        }
        return latest.text
    }
    let digits = String(milliseconds)
    return second + (digits.utf8.count == 1 ? ".00" : digits.utf8.count == 2 ? ".0" : ".") + digits + "Z"
}

private let latestSecond = Mutex<(second: Double, text: String)>((-.infinity, ""))

/// Anything but visible ASCII, and what would end a key, becomes `_`.
private func bareKey(_ key: String) -> String {
    if key.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x3D && $0 != 0x22 }) { return key }
    return String(key.unicodeScalars.map { (0x21...0x7E).contains($0.value) && $0 != "=" && $0 != "\"" ? Character($0) : "_" })
}

/// Bare where it cannot be misread, quoted and escaped otherwise.
private func textual(_ value: Logger.MetadataValue) -> String {
    let text: String
    switch value {
    case .string(let string): text = string
    case .stringConvertible(let convertible): text = convertible.description
    case .array(let items): return "[" + items.map(textual).joined(separator: ",") + "]"
    case .dictionary(let members):
        return "{" + members.sorted { $0.key < $1.key }.map { "\(bareKey($0.key))=\(textual($0.value))" }.joined(separator: ",")
            + "}"
    }
    let isBare = text.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D...0x2F, 0x3A, 0x5F, 0x2A, 0x40: true
        default: false
        }
    }
    if isBare, !text.isEmpty { return text }
    return "\"" + text.printable().replacing("\"", with: "\\\"") + "\""
}

private func json(_ value: Logger.MetadataValue) -> String {
    switch value {
    case .string(let string): jsonString(string)
    case .stringConvertible(let convertible): jsonString(convertible.description)
    case .array(let items): "[" + items.map(json).joined(separator: ",") + "]"
    case .dictionary(let members):
        "{" + members.sorted { $0.key < $1.key }.map { "\(jsonString($0.key)):\(json($0.value))" }.joined(separator: ",") + "}"
    }
}

/// RFC 8259 section 7, and what terminals act upon escaped too; cut like `printable`.
func jsonString(_ text: String, limit: Int = 4096) -> String {
    var result = "\""
    for scalar in text.unicodeScalars.prefix(limit) {
        switch scalar.value {
        case 0x22: result += "\\\""
        case 0x5C: result += "\\\\"
        case 0x0A: result += "\\n"
        case 0x0D: result += "\\r"
        case 0x09: result += "\\t"
        case ..<0x20, 0x7F...0x9F, 0x2028...0x2029, 0x200E...0x200F, 0x202A...0x202E, 0x2066...0x2069, 0xFEFF:
            let digits = String(scalar.value, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + (text.unicodeScalars.count > limit ? "…\"" : "\"")
}
