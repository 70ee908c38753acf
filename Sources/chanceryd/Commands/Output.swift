import ACME
import Foundation

/// Columns for people. Cells are made printable: they may hold what a stranger sent.
struct Table {
    private let head: [String]
    private var rows: [[String]] = []

    init(_ head: [String]) { self.head = head }

    mutating func add(_ cells: [String]) { rows.append(cells.map { $0.printable(limit: 400) }) }

    /// Without a line feed at the end. The last column is not padded.
    var text: String { lines([head] + rows, widths) }

    /// What each column needs.
    var widths: [Int] {
        head.indices.map { column in ([head] + rows).map { $0[column].count }.max() ?? 0 }
    }

    /// The rows alone, in columns at least this wide.
    func continuation(_ widths: [Int]) -> String { lines(rows, widths) }

    private func lines(_ rows: [[String]], _ widths: [Int]) -> String {
        rows.map { row in
            zip(row, widths).enumerated().map { column, cell in
                column == head.count - 1 ? cell.0 : cell.0 + String(repeating: " ", count: max(0, cell.1 - cell.0.count))
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}

/// JSON with members in the order given, for `--json`.
indirect enum JSONText {
    case null
    case bool(Bool)
    case number(Int)
    case string(String)
    case array([JSONText])
    case object([(String, JSONText)])

    static func optional(_ text: String?) -> JSONText { text.map { .string($0) } ?? .null }

    /// RFC 3339 in UTC, whole seconds.
    static func time(_ date: Date) -> JSONText { .string(seconds(date)) }

    var text: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let value): String(value)
        case .string(let value): jsonString(value, limit: .max)
        case .array(let items): "[" + items.map(\.text).joined(separator: ",") + "]"
        case .object(let members): "{" + members.map { "\(jsonString($0.0)):\($0.1.text)" }.joined(separator: ",") + "}"
        }
    }
}

/// `2026-11-24T10:00:00Z`.
func seconds(_ date: Date) -> String { date.formatted(Date.ISO8601FormatStyle()) }

/// A list command's rows as a table, or as one JSON array, page by page as they are read: a list may be longer than memory.
/// - Parameters:
///   - limit: print the first rows only.
///   - page: up to so many items behind the last one; fewer are the end.
/// - Throws: what `page` throws; the pages before are printed then, and a JSON array stays open.
func printPages<Item>(
    _ head: [String], json: Bool, limit: Int?, page: (Item?, Int) async throws -> [Item],
    row: (Item) -> (cells: [String], json: JSONText)
) async throws {
    var (last, printed) = (Item?.none, 0)
    var widths: [Int]?
    while true {
        let wanted = min(500, max(0, (limit ?? .max) - printed))
        let items = wanted == 0 ? [] : try await page(last, wanted)
        if json {
            let text = items.map { row($0).json.text }.joined(separator: ",")
            writeWhole((printed == 0 ? "[" : items.isEmpty ? "" : ",") + text, to: 1)
        } else {
            var table = Table(head)
            for item in items { table.add(row(item).cells) }
            if let widths { if !items.isEmpty { say(table.continuation(widths)) } } else { say(table.text) }
            widths = widths ?? table.widths
        }
        printed += items.count
        last = items.last ?? last
        if items.count < wanted || wanted == 0 { break }
    }
    if json { say("]") }
}

/// One thing as `Key: value` lines, or as one JSON object.
func printFacts(_ facts: [(label: String, name: String, value: JSONText)], json: Bool) {
    if json {
        say(JSONText.object(facts.map { ($0.name, $0.value) }).text)
        return
    }
    let width = facts.map(\.label.count).max() ?? 0
    for fact in facts {
        let value: String
        switch fact.value {
        case .null: continue
        case .string(let text): value = text.printable()
        case .array(let items):
            value = items.map { if case .string(let text) = $0 { text.printable() } else { $0.text } }.joined(separator: ", ")
        default: value = fact.value.text
        }
        say("\(fact.label):\(String(repeating: " ", count: width - fact.label.count + 1))\(value)")
    }
}
