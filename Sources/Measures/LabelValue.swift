/// The values that a label can have: a list fixed when the program was written, so that nothing that arrives over the network can make a new
/// time series.
package protocol LabelValue: CaseIterable, Equatable, Sendable where AllCases: RandomAccessCollection, AllCases.Index == Int {
    /// As it stands between the quotes.
    var text: String { get }
    /// Its position in `allCases`.
    var place: Int { get }
}

extension LabelValue {
    package var place: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

extension LabelValue where Self: RawRepresentable, RawValue == String {
    package var text: String { rawValue }
}

/// One counter for each value of a label.
package final class CounterFamily<Value: LabelValue>: Sendable {
    private let counters = Value.allCases.map { _ in Counter() }

    package init() {}

    package func add(_ value: Value, _ more: Int = 1) { counters[value.place].add(more) }
    package subscript(_ value: Value) -> Int { counters[value.place].value }

    /// All values, also those that never occurred: a rate can only be told of a counter that was there before it rose.
    package func samples(_ label: String) -> [Reading.Sample] {
        zip(Value.allCases, counters).map { .init(labels: [(label, $0.text)], value: Double($1.value)) }
    }
}

/// One counter for each pair of values of two labels.
package final class CounterTable<Row: LabelValue, Column: LabelValue>: Sendable {
    private let width = Column.allCases.count
    private let counters = (0..<Row.allCases.count * Column.allCases.count).map { _ in Counter() }

    package init() {}

    package func add(_ row: Row, _ column: Column) { counters[row.place * width + column.place].add() }
    package subscript(_ row: Row, _ column: Column) -> Int { counters[row.place * width + column.place].value }

    /// - Parameter everything: pairs that never occurred, too; to be left out where there are hundreds.
    package func samples(_ row: String, _ column: String, everything: Bool) -> [Reading.Sample] {
        Row.allCases.flatMap { one in
            Column.allCases.compactMap { other in
                let count = self[one, other]
                guard everything || count > 0 else { return nil }
                return Reading.Sample(labels: [(row, one.text), (column, other.text)], value: Double(count))
            }
        }
    }
}

/// One histogram for each value of a label.
package final class HistogramFamily<Value: LabelValue>: Sendable {
    private let histograms = Value.allCases.map { _ in Histogram() }

    package init() {}

    package subscript(_ value: Value) -> Histogram { histograms[value.place] }

    /// Those of values that never occurred are left out, for each has many lines.
    package func samples(_ label: String) -> [Reading.Sample] {
        zip(Value.allCases, histograms).flatMap { $1.count == 0 ? [] : $1.samples([(label, $0.text)]) }
    }
}

/// One gauge for each value of a label.
package final class GaugeFamily<Value: LabelValue>: Sendable {
    private let gauges = Value.allCases.map { _ in Gauge() }

    package init() {}

    package subscript(_ value: Value) -> Gauge { gauges[value.place] }

    package func samples(_ label: String) -> [Reading.Sample] {
        zip(Value.allCases, gauges).map { .init(labels: [(label, $0.text)], value: Double($1.value)) }
    }
}
