internal import Foundation
internal import Measures
internal import NIOHTTP1

/// Pages for people and for whoever watches the server.
struct Pages: Sendable {
    let home: Answer
    let measures: WebMeasures
    /// What must be in order for the server to do its work.
    let checks: @Sendable () async -> [ReadinessCheck]
    /// What others count.
    let readings: @Sendable () async -> [Reading]

    var health: Answer { Answer(.ok, type: "text/plain; charset=utf-8", "ok\n") }

    func readiness() async -> Answer { .readiness(await checks()) }

    func metrics() async -> Answer {
        let text = Reading.exposition(await readings() + measures.readings)
        return Answer(.ok, type: Reading.mediaType, text).with("Cache-Control", "no-store")
    }
}
