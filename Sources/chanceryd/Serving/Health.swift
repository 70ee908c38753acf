import Authority
import Foundation
import PKIX
import Store
import Synchronization
import Web

/// What `/readyz` and `/metrics` tell of the rooms below Web.
final class Health: Sendable {
    private let store: AuthorityStore
    private let authority: CertificateAuthority
    private let around: Surroundings
    private let counted = Mutex<(counts: StoreCounts, at: Date)?>(nil)

    init(store: AuthorityStore, authority: CertificateAuthority, around: Surroundings) {
        (self.store, self.authority, self.around) = (store, authority, around)
    }

    /// One sentence for each reason why the server cannot do its work now.
    func faults() async -> [String] {
        var faults = store.failure.map { [$0.description] } ?? []
        do throws(StoreError) {
            if let recorded = try await store.recordedClock(), around.now() < recorded.addingTimeInterval(-Self.tolerance) {
                faults.append("The clock is before the last signature.")
            }
        } catch {
            faults.append(error.description)
        }
        if let list = authority.publisher.current {
            if around.now() >= list.nextUpdate { faults.append("The revocation list is out of date.") }
        } else {
            faults.append("There is no revocation list yet.")
        }
        if around.now() >= authority.issuer.certificate.notAfter { faults.append("The intermediate has expired.") }
        return faults
    }

    private static let tolerance = AuthorityPolicy().clockTolerance / .seconds(1)

    func readings() async -> [Reading] {
        var readings: [Reading] = []
        if let counts = await counts() {
            readings += [
                Reading("chancery_accounts", .gauge, "Accounts, closed ones too.", Double(counts.accounts)),
                Reading("chancery_certificates", .gauge, "Certificates ever issued.", Double(counts.certificates)),
                Reading("chancery_revocations", .gauge, "Certificates revoked.", Double(counts.revocations)),
                Reading("chancery_validations_waiting", .gauge, "Challenges being validated.", Double(counts.validationsWaiting)),
                Reading("chancery_issuances_waiting", .gauge, "Certificates being issued.", Double(counts.issuancesWaiting)),
            ]
        }
        if let list = authority.publisher.current {
            readings.append(
                Reading(
                    "chancery_crl_next_update_seconds", .gauge, "When the revocation list ends, in seconds since 1970.",
                    list.nextUpdate.timeIntervalSince1970))
        }
        readings.append(
            Reading(
                "chancery_issuer_not_after_seconds", .gauge, "When the intermediate ends, in seconds since 1970.",
                authority.issuer.certificate.notAfter.timeIntervalSince1970))
        return readings
    }

    /// Counting walks whole indexes: once in 15 seconds, however often somebody asks.
    private func counts() async -> StoreCounts? {
        let now = around.now()
        if let counted = counted.withLock({ $0 }), (0..<15).contains(now.timeIntervalSince(counted.at)) { return counted.counts }
        guard let counts = try? await store.counts() else { return nil }
        counted.withLock { $0 = (counts, now) }
        return counts
    }
}
