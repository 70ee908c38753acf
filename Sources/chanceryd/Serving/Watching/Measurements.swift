import Authority
import Foundation
import Measures
import PKIX
import Store
import Synchronization
import Web

/// What `/metrics` tells beside what the listeners count. docs/monitoring.md lists all of it; a test compares the two.
final class Measurements: Sendable {
    private let store: AuthorityStore
    private let authority: CertificateAuthority
    private let tls: ServedTLS
    private let health: Health
    private let around: Surroundings
    private let process = ProcessReadings()
    private let counted = Mutex<(counts: StoreCounts, at: ContinuousClock.Instant)?>(nil)

    init(store: AuthorityStore, authority: CertificateAuthority, tls: ServedTLS, health: Health, around: Surroundings) {
        (self.store, self.authority, self.tls, self.health, self.around) = (store, authority, tls, health, around)
    }

    func readings() async -> [Reading] {
        let now = around.now()
        return [build] + process.all + [clock(now)] + (await readiness()) + certificates(now) + list(now) + (await work(now))
            + (await totals()) + authority.readings + store.readings
            + [Reading("chancery_log_lines_lost_total", "Log lines for which there was no room.", LogSink.standardError.lost)]
    }

    private var build: Reading {
        Reading(
            "chancery_build_info", .gauge, "Always 1; the labels tell what runs.",
            [.init(labels: [("version", chanceryVersion), ("swift", swiftVersion)], value: 1)])
    }

    private func clock(_ now: Date) -> Reading {
        Reading(
            "chancery_clock_seconds", .gauge, "What the server takes for now, in seconds since 1970.", now.timeIntervalSince1970)
    }

    private func readiness() async -> [Reading] {
        let checks = await health.checks()
        return [
            Reading(
                "chancery_ready", .gauge, "1 when the server can do its work, as /readyz says.",
                checks.allSatisfy(\.isReady) ? 1 : 0),
            Reading(
                "chancery_ready_check", .gauge, "The same for each check.",
                checks.map { .init(labels: [("check", $0.name)], value: $0.isReady ? 1 : 0) }),
        ]
    }

    private func certificates(_ now: Date) -> [Reading] {
        let all = [("root", authority.issuer.root), ("issuer", authority.issuer.certificate), ("tls", tls.leaf)]
        func samples(_ value: (Certificate509) -> Double) -> [Reading.Sample] {
            all.map { .init(labels: [("certificate", $0)], value: value($1)) }
        }
        return [
            Reading(
                "chancery_certificate_not_before_seconds", .gauge,
                "When the authority's own certificates begin, in seconds since 1970.",
                samples(\.notBefore.timeIntervalSince1970)),
            Reading(
                "chancery_certificate_not_after_seconds", .gauge,
                "When the authority's own certificates end, in seconds since 1970.",
                samples(\.notAfter.timeIntervalSince1970)),
            Reading(
                "chancery_certificate_remaining_seconds", .gauge, "How long the authority's own certificates are still valid.",
                samples { $0.notAfter.timeIntervalSince(now) }),
        ]
    }

    private func list(_ now: Date) -> [Reading] {
        let list = authority.publisher.current
        return [
            Reading(
                "chancery_crl_number", .gauge, "Number of the revocation list that is served.", list.map { Double($0.number) }),
            Reading(
                "chancery_crl_age_seconds", .gauge, "Since that list was signed.",
                list.map { now.timeIntervalSince($0.thisUpdate) }),
            Reading(
                "chancery_crl_next_update_seconds", .gauge, "When that list is out of date, in seconds since 1970.",
                list?.nextUpdate.timeIntervalSince1970),
            Reading(
                "chancery_crl_remaining_seconds", .gauge, "Until that list is out of date.",
                list.map { $0.nextUpdate.timeIntervalSince(now) }),
            Reading(
                "chancery_crl_entries", .gauge, "Certificates on that list.", authority.publisher.entries.map(Double.init)),
        ]
    }

    /// What waits, in this process or for any.
    private func work(_ now: Date) async -> [Reading] {
        var depth: [Reading.Sample] = []
        var ages: [Reading.Sample] = []
        for sort in WorkItem.Sort.allCases {
            guard let found = try? await store.workDepth(sort) else { continue }
            let labels = [("work", sort.rawValue)]
            depth.append(.init(labels: labels, value: Double(found.items)))
            ages.append(.init(labels: labels, value: found.oldest.map { max(0, now.timeIntervalSince($0)) } ?? 0))
        }
        return [
            Reading("chancery_work_items", .gauge, "Validations and issuances that are asked for and not done.", depth),
            Reading("chancery_work_oldest_seconds", .gauge, "How long ago the oldest of them was asked for.", ages),
        ]
    }

    private func totals() async -> [Reading] {
        let counts = await counts()
        return [
            Reading("chancery_accounts", .gauge, "Accounts, closed ones too.", counts.map { Double($0.accounts) }),
            Reading("chancery_certificates", .gauge, "Certificates ever issued.", counts.map { Double($0.certificates) }),
            Reading("chancery_revocations", .gauge, "Certificates revoked.", counts.map { Double($0.revocations) }),
        ]
    }

    /// Once in 15 seconds, however often somebody asks.
    private func counts() async -> StoreCounts? {
        if let counted = counted.withLock({ $0 }), counted.at.duration(to: .now) < .seconds(15) { return counted.counts }
        guard let counts = try? await store.counts() else { return nil }
        counted.withLock { $0 = (counts, .now) }
        return counts
    }
}

/// Of the compiler that made this program.
private var swiftVersion: String {
    #if compiler(>=6.5)
        "6.5 or newer"
    #elseif compiler(>=6.4)
        "6.4"
    #elseif compiler(>=6.3)
        "6.3"
    #else
        "6.2"
    #endif
}
