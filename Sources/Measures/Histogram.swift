/// How long something took, by size. Observing adds to two counters; nobody waits.
package final class Histogram: Sendable {
    /// Upper ends in microseconds: from a fast disk's commit to the longest that a request may take.
    static let bounds = [
        250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
        10_000_000, 30_000_000, 60_000_000,
    ]

    /// Not cumulative; one more than there are bounds.
    private let buckets = (0...Histogram.bounds.count).map { _ in Counter() }
    private let microseconds = Counter()

    package init() {}

    /// A negative time counts as none: a clock was set back.
    package func observe(_ time: Duration) {
        let (seconds, attoseconds) = time.components
        observe(
            microseconds: Int(clamping: seconds.multipliedReportingOverflow(by: 1_000_000).partialValue)
                + Int(attoseconds / 1_000_000_000_000))
    }

    package func observe(seconds: Double) {
        let microseconds = (seconds * 1_000_000).rounded()
        observe(microseconds: Int(exactly: microseconds) ?? (microseconds > 0 ? Self.longest : 0))
    }

    package func observe(microseconds time: Int) {
        let time = min(max(0, time), Self.longest)
        buckets[Self.bounds.firstIndex { time <= $0 } ?? Self.bounds.count].add()
        microseconds.add(time)
    }

    /// A year: what is longer is a clock's fault.
    private static let longest = 31_536_000_000_000

    package var count: Int { buckets.reduce(0) { $0 + $1.value } }
    package var seconds: Double { Double(microseconds.value) / 1_000_000 }

    /// As Prometheus has it: cumulative buckets, the sum in seconds, the count. The count is that of the last bucket, whatever is observed
    /// meanwhile.
    package func samples(_ labels: [(String, String)] = []) -> [Reading.Sample] {
        var samples: [Reading.Sample] = []
        var total = 0
        for (index, bucket) in buckets.enumerated() {
            total += bucket.value
            let bound = index < Self.bounds.count ? Reading.number(Double(Self.bounds[index]) / 1_000_000) : "+Inf"
            samples.append(.init("_bucket", labels: labels + [("le", bound)], value: Double(total)))
        }
        samples.append(.init("_sum", labels: labels, value: seconds))
        samples.append(.init("_count", labels: labels, value: Double(total)))
        return samples
    }
}
