import Measures
import Testing

private enum Colour: String, LabelValue { case red, blue = "deep-blue" }

struct MeasureTests {
    @Test func `many tasks that count at once lose nothing`() async {
        let (counter, gauge, time) = (Counter(), Gauge(), Histogram())
        let table = CounterTable<Colour, Colour>()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<5_000 {
                        counter.add()
                        gauge.add(1)
                        gauge.add(-1)
                        time.observe(microseconds: 300)
                        table.add(.red, .blue)
                    }
                }
            }
        }
        #expect(counter.value == 40_000)
        #expect(gauge.value == 0)
        #expect(time.count == 40_000)
        #expect(abs(time.seconds - 12) < 1e-6)
        #expect(table[.red, .blue] == 40_000)
        #expect(table[.blue, .red] == 0)
    }

    @Test func `a histogram's buckets are cumulative and end with all of them`() throws {
        let histogram = Histogram()
        for time in [Duration.microseconds(250), .microseconds(251), .milliseconds(7), .seconds(61), .seconds(-1)] {
            histogram.observe(time)
        }
        histogram.observe(seconds: 0.0004)
        histogram.observe(seconds: .infinity)
        histogram.observe(seconds: .nan)
        let samples = histogram.samples([("a", "b")])
        func bucket(_ bound: String) -> Double? {
            samples.first { $0.suffix == "_bucket" && $0.labels.contains { $0 == ("le", bound) } }?.value
        }
        // At its bound an observation still belongs to the bucket; what is below nothing counts as nothing.
        #expect(bucket("0.00025") == 3)
        #expect(bucket("0.0005") == 5)
        #expect(bucket("0.01") == 6)
        #expect(bucket("60") == 6)
        #expect(bucket("+Inf") == 8)
        #expect(samples.last?.suffix == "_count")
        #expect(samples.last?.value == 8)
        let values = samples.filter { $0.suffix == "_bucket" }.map(\.value)
        #expect(values == values.sorted())
        #expect(samples.allSatisfy { $0.labels.first.map { $0 == ("a", "b") } == true })
    }

    @Test func `the exposition is what Prometheus reads, whatever a label holds`() {
        let text = Reading.exposition([
            Reading("a_total", .counter, "Line one.\nA \\ and a \"quote\".", [.init(labels: [("x", "a\\b\"c\nd")], value: 3)]),
            Reading(
                "b", .gauge, "Numbers.",
                [1.5, .nan, .infinity, -.infinity, 1e300, -2].enumerated().map {
                    .init(labels: [("n", "\($0)"), ("m", "")], value: $1)
                }),
            Reading("c", .gauge, "Nothing yet.", nil),
        ])
        #expect(
            text == """
                # HELP a_total Line one.\\nA \\\\ and a "quote".
                # TYPE a_total counter
                a_total{x="a\\\\b\\"c\\nd"} 3
                # HELP b Numbers.
                # TYPE b gauge
                b{n="0",m=""} 1.5
                b{n="1",m=""} NaN
                b{n="2",m=""} +Inf
                b{n="3",m=""} -Inf
                b{n="4",m=""} 1e+300
                b{n="5",m=""} -2
                # HELP c Nothing yet.
                # TYPE c gauge

                """)
    }

    @Test func `values that never occurred are told where rates need them and left out where they are many`() {
        let (family, table, times) = (CounterFamily<Colour>(), CounterTable<Colour, Colour>(), HistogramFamily<Colour>())
        family.add(.blue, 2)
        table.add(.red, .red)
        times[.blue].observe(.milliseconds(1))
        #expect(family.samples("c").map(\.value) == [0, 2])
        #expect(family.samples("c").map { $0.labels[0].1 } == ["red", "deep-blue"])
        #expect(table.samples("a", "b", everything: true).count == 4)
        #expect(table.samples("a", "b", everything: false).map(\.value) == [1])
        #expect(Set(times.samples("c").map { $0.labels[0].1 }) == ["deep-blue"])
    }

    @Test func `what the process costs is told under the usual names`() throws {
        let readings = ProcessReadings().all
        func value(_ name: String) throws -> Double {
            try #require(readings.first { $0.name == name }?.samples.first?.value, "\(name)")
        }
        #expect(try value("process_cpu_seconds_total") > 0)
        #expect(try value("process_resident_memory_bytes") > 1_000_000)
        #expect(try value("process_open_fds") >= 3)
        #expect(try value("process_max_fds") >= value("process_open_fds"))
        // Later than 2024, and not in the future by more than a clock tick or two.
        #expect(try value("process_start_time_seconds") > 1_700_000_000)
    }
}
