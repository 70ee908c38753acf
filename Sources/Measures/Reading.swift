/// One metric at one moment, as Prometheus reads it: a name, what it means, and a value for each set of labels.
package struct Reading: Sendable {
    package enum Kind: String, Sendable { case counter, gauge, histogram }
    package struct Sample: Sendable {
        /// Behind the metric's name: `_bucket`, `_sum` or `_count` of a histogram, else empty.
        package var suffix: String
        package var labels: [(String, String)]
        package var value: Double
        package init(_ suffix: String = "", labels: [(String, String)] = [], value: Double) {
            (self.suffix, self.labels, self.value) = (suffix, labels, value)
        }
    }

    package var name: String
    package var kind: Kind
    /// A sentence.
    package var help: String
    package var samples: [Sample]

    package init(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        (self.name, self.kind, self.help, self.samples) = (name, kind, help, samples)
    }
    package init(_ name: String, _ kind: Kind, _ help: String, _ value: Double?) {
        self.init(name, kind, help, value.map { [Sample(value: $0)] } ?? [])
    }
    package init(_ name: String, _ kind: Kind, _ help: String, _ value: Int) { self.init(name, kind, help, Double(value)) }
    package init(_ name: String, _ help: String, _ counter: Counter) { self.init(name, .counter, help, counter.value) }
    package init(_ name: String, _ help: String, _ histogram: Histogram) {
        self.init(name, .histogram, help, histogram.samples())
    }
}

extension Reading {
    /// The media type of `exposition`.
    package static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

    /// Prometheus text format 0.0.4. A metric without a value still tells its name and meaning.
    package static func exposition(_ readings: [Reading]) -> String {
        var text = ""
        text.reserveCapacity(64 * 1024)
        for reading in readings { reading.write(to: &text) }
        return text
    }

    private func write(to text: inout String) {
        text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
        for sample in samples {
            text += name
            text += sample.suffix
            if !sample.labels.isEmpty {
                text += "{"
                for (index, (label, value)) in sample.labels.enumerated() {
                    if index > 0 { text += "," }
                    text += label
                    text += "=\""
                    text += Self.escaped(value, quotes: true)
                    text += "\""
                }
                text += "}"
            }
            text += " "
            text += Self.number(sample.value)
            text += "\n"
        }
    }

    private static func escaped(_ value: String, quotes: Bool) -> String {
        guard value.utf8.contains(where: { $0 == 0x5C || $0 == 0x22 || $0 == 0x0A }) else { return value }
        return value.unicodeScalars.reduce(into: "") { text, scalar in
            switch scalar {
            case "\\": text += "\\\\"
            case "\"" where quotes: text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
    }

    static func number(_ value: Double) -> String {
        if let whole = Int64(exactly: value) { return String(whole) }
        return value.isNaN ? "NaN" : value.isInfinite ? (value > 0 ? "+Inf" : "-Inf") : String(value)
    }
}
