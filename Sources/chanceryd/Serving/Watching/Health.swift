import Authority
import Foundation
import PKIX
import Store
import Synchronization
import Validation
import Web

/// What must be in order for the server to do its work. The store is looked at when somebody asks, once in two seconds at most, however
/// often and by however many: whoever asks costs no more than one small transaction, and whoever does not costs nothing.
final class Health: Sendable {
    private struct Look {
        let outcome = Outcome<[ReadinessCheck]>()
        let began = ContinuousClock.now
        var isOver = false
    }

    private let store: AuthorityStore
    private let deadlines: Deadlines
    private let authority: CertificateAuthority
    private let tls: ServedTLS
    private let around: Surroundings
    private let isEnding: @Sendable () -> Bool
    private let last = Mutex<Look?>(nil)

    /// How long a look counts, and how long one that hangs is waited for.
    private static let validity = Duration.seconds(2)
    private static let patience = Duration.seconds(5)
    private static let tolerance = AuthorityPolicy().clockTolerance / .seconds(1)

    /// - Parameter isEnding: whether the server has been told to stop.
    init(
        store: AuthorityStore, authority: CertificateAuthority, tls: ServedTLS, around: Surroundings,
        isEnding: @escaping @Sendable () -> Bool
    ) {
        deadlines = Deadlines(uptime: around.uptime, sleep: around.sleep)
        (self.store, self.authority, self.tls, self.around, self.isEnding) = (store, authority, tls, around, isEnding)
    }

    /// Always the same names in the same order, unless the store hangs.
    func checks() async -> [ReadinessCheck] {
        let now = around.now()
        return [serving] + (await storeChecks()) + [issuer(now), list(now), certificate(now)]
    }

    private var serving: ReadinessCheck {
        ReadinessCheck(
            "serving", unless: isEnding() ? "The server is shutting down." : nil,
            remedy: "Ask another server, or wait until it is back.")
    }

    private func issuer(_ now: Date) -> ReadinessCheck {
        let certificates = [("issuer's", authority.issuer.certificate), ("root's", authority.issuer.root)]
        let reason = certificates.lazy.compactMap { whose, certificate in
            now >= certificate.notAfter
                ? "The \(whose) certificate has expired."
                : now < certificate.notBefore ? "The \(whose) certificate is not valid yet." : nil
        }.first
        return ReadinessCheck(
            "issuer", unless: reason, remedy: "Check the clock; replace the intermediate, or the root and all below it.")
    }

    private func list(_ now: Date) -> ReadinessCheck {
        let reason: String?
        if let list = authority.publisher.current {
            reason = now >= list.nextUpdate ? "The revocation list is out of date." : nil
        } else {
            reason = "There is no revocation list yet."
        }
        return ReadinessCheck(
            "revocation-list", unless: reason,
            remedy: "See the log for why none could be signed, then run `chanceryd crl publish`.")
    }

    private func certificate(_ now: Date) -> ReadinessCheck {
        let leaf = tls.leaf
        let reason =
            now >= leaf.notAfter
            ? "The server's TLS certificate has expired."
            : now < leaf.notBefore ? "The server's TLS certificate is not valid yet." : nil
        return ReadinessCheck(
            "tls", unless: reason,
            remedy: "Check the clock; renew the files of `tls-certificate` and `tls-key` and send SIGHUP, or restart.")
    }

    // MARK: The store

    private func storeChecks() async -> [ReadinessCheck] {
        let (look, isNew) = last.withLock { last in
            if let last, !last.isOver || last.began.duration(to: .now) < Self.validity { return (last, false) }
            let look = Look()
            last = look
            return (look, true)
        }
        if isNew {
            Task {
                look.outcome.settle(await lookAtStore())
                last.withLock { $0?.isOver = true }
            }
        }
        let waited = look.began.duration(to: .now)
        if let checks = await look.outcome.value(within: max(.zero, Self.patience - waited), deadlines) { return checks }
        let seconds = look.began.duration(to: .now).components.seconds
        return [
            ReadinessCheck(
                "store-write", unless: "The database has not answered for \(seconds) seconds.",
                remedy: "Look at the load and health of the disk or the database server.")
        ]
    }

    private func lookAtStore() async -> [ReadinessCheck] {
        var recorded: Date?
        var reading: StoreError?
        var writing: StoreError?
        do throws(StoreError) { recorded = try await store.recordedClock() } catch { reading = error }
        do throws(StoreError) { try await store.probe() } catch { writing = error }
        let isBehind = recorded.map { around.now() < $0.addingTimeInterval(-Self.tolerance) } ?? false
        return [
            ReadinessCheck("store-read", reading), ReadinessCheck("store-write", writing),
            ReadinessCheck(
                "clock", unless: isBehind ? "The clock is before the last signature on record." : nil,
                remedy: "Set the clock; until then nothing is signed."),
        ]
    }
}

extension ReadinessCheck {
    /// The store's trouble for anybody to read: no paths, nothing of the engine's own words.
    fileprivate init(_ name: String, _ error: StoreError?) {
        guard let error else {
            self.init(name)
            return
        }
        let (reason, remedy) =
            switch error.kind {
            case .busy: ("The database is busy.", "Look at the load; another process may hold the database.")
            case .full: ("The disk is full.", "Make room; nothing acknowledged is lost, and the server goes on by itself.")
            case .readOnly: ("The database cannot be written.", "Give the data folder to the user who runs chanceryd.")
            case .device: ("Reading or writing failed below the database.", "Look at the disk.")
            case .corrupt: ("The database is damaged.", "Stop the server and put a backup back.")
            case .closed: ("The database is closed.", "Wait until the server has stopped or started.")
            case .conflict, .notFound, .inUse, .missing, .newerSchema, .olderSchema, .broken:
                ("The database does not do what it is asked.", "See the log for the error.")
            }
        self.init(name, .notReady(reason: reason, remedy: remedy))
    }
}
