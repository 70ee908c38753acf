internal import Authority
internal import Foundation
internal import NIOHTTP1
internal import PKIX
internal import Store

/// Pages for people and for whoever watches the server.
struct Pages: Sendable {
    let home: Answer
    let version: String
    let authority: CertificateAuthority
    let now: @Sendable () -> Date
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
        let all = [build] + counters.readings + ages + (await readings())
        return Answer(.ok, type: "text/plain; version=0.0.4; charset=utf-8", all.map(\.text).joined())
            .with("Cache-Control", "no-store")
    }

    /// What must never grow old unseen.
    private var ages: [Reading] {
        let now = now()
        let days = authority.issuer.certificate.notAfter.timeIntervalSince(now) / 86_400
        let issuer = Reading("chancery_issuer_expiry_days", .gauge, "Days until the issuer's certificate ends.", days)
        guard let list = authority.publisher.current else { return [issuer] }
        return [
            issuer, Reading("chancery_crl_number", .gauge, "Number of the revocation list that is served.", Double(list.number)),
            Reading("chancery_crl_age_seconds", .gauge, "Since the list was signed.", now.timeIntervalSince(list.thisUpdate)),
            Reading(
                "chancery_crl_remaining_seconds", .gauge, "Until the list is out of date.", list.nextUpdate.timeIntervalSince(now)
            ),
        ]
    }
}
