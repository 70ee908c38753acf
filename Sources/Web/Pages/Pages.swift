internal import Authority
internal import NIOHTTP1

/// Pages for people and for whoever watches the server.
struct Pages: Sendable {
    let home: Answer
    let version: String
    /// Why the server cannot do its work now, one sentence each; empty when it can.
    let faults: @Sendable () async -> [String]
    let readings: @Sendable () async -> [Reading]

    func readiness() async -> Answer {
        let faults = await faults()
        guard !faults.isEmpty else { return Answer(.ok, type: "text/plain; charset=utf-8", "ready\n") }
        return Answer(.serviceUnavailable, type: "text/plain; charset=utf-8", faults.map { $0 + "\n" }.joined())
            .retrying(after: 10)
    }

    func metrics(_ counters: Counters) async -> Answer {
        let build = Reading("chancery_build_info", .gauge, "Always 1.", [.init(labels: [("version", version)], value: 1)])
        let all = [build] + counters.readings + (await readings())
        return Answer(.ok, type: "text/plain; version=0.0.4; charset=utf-8", all.map(\.text).joined())
            .with("Cache-Control", "no-store")
    }
}
