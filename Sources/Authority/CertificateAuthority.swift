package import ACME
package import Foundation
package import Logging
internal import PKIX
package import Store
internal import Synchronization
package import Validation

/// The authority: decides what an account may have, and keeps what it promised. Speaks no HTTP and knows no SQL.
///
/// Every method may be called from anywhere at any time; each one that changes something is one transaction of the store. A method that
/// takes an account's identifier expects that the caller has proved to be that account, by `activeAccount` and a signature.
package final class CertificateAuthority: Sendable {
    package let policy: AuthorityPolicy
    package let issuer: Issuer
    /// Takes the challenges that were answered.
    package let validations: ValidationWorker
    /// Takes the orders that were finalized.
    package let issuances: IssuanceWorker
    /// Keeps the revocation list current.
    package let publisher: Publisher
    package let sweeper: Sweeper
    /// Gives and takes the nonces of requests.
    package let nonces: any NonceBook
    /// Only where other servers may share the database.
    package let heart: Heart?
    let store: AuthorityStore
    let around: Surroundings
    let log: Logger
    let consent: Consent
    let deadlines: Deadlines
    let measures = AuthorityMeasures()
    let accounts: AccountCache
    let earlierLists = EarlierLists()

    /// - Parameters:
    ///   - validate: asks the target of a challenge, within its own deadline.
    ///   - name: of this server, for people who look after several.
    ///   - logger: receives constant messages whose metadata names request, account, order and serial; never a key or token.
    package init(
        store: AuthorityStore, issuer: Issuer, urls: PublicationURLs, policy: AuthorityPolicy = AuthorityPolicy(),
        validate: @escaping @Sendable (Attempt) async -> Result<Evidence, Problem>, surroundings: Surroundings = .real,
        name: String = "", logger: Logger
    ) {
        var policy = policy
        policy.issuerConstraints = issuer.description.permittedNames
        (self.store, self.issuer, self.policy, around, log) = (store, issuer, policy, surroundings, logger)
        consent = Consent(key: surroundings.random(32))
        deadlines = Deadlines(uptime: surroundings.uptime, sleep: surroundings.sleep)
        let owner = surroundings.random(8).hex
        let shop = Shop(
            store: store, issuer: issuer, urls: urls, policy: policy, around: surroundings, log: logger, owner: owner,
            measures: measures)
        validations = ValidationWorker(shop, deadlines: deadlines, validate: validate)
        issuances = IssuanceWorker(shop)
        publisher = Publisher(shop)
        sweeper = Sweeper(shop)
        accounts = AccountCache(capacity: 10_000, lifetime: 10)
        if store.isShared {
            let shared = SharedNonces(store, surroundings, logger) { [accounts] in accounts.observe($0) }
            nonces = shared
            heart = Heart(shop, name: name) { () async throws(StoreError) in
                try await shared.refresh()
            } takeOver: { [validations, issuances] in
                await validations.claim(at: surroundings.now())
                issuances.wake()
            }
        } else {
            (nonces, heart) = (NonceOffice(random: surroundings.random), nil)
        }
    }
}

/// What every worker needs.
struct Shop: Sendable {
    let store: AuthorityStore
    let issuer: Issuer
    let urls: PublicationURLs
    let policy: AuthorityPolicy
    let around: Surroundings
    let log: Logger
    /// This process, in the store's leases.
    let owner: String
    let measures: AuthorityMeasures
    private let clock = ClockWatch()

    init(
        store: AuthorityStore, issuer: Issuer, urls: PublicationURLs, policy: AuthorityPolicy, around: Surroundings, log: Logger,
        owner: String, measures: AuthorityMeasures
    ) {
        (self.store, self.issuer, self.urls, self.policy) = (store, issuer, urls, policy)
        (self.around, self.log, self.owner, self.measures) = (around, log, owner, measures)
    }

    /// Whether other servers may be at work on the same database.
    var isShared: Bool { store.isShared }
    var leaseEnd: Date { around.now().addingTimeInterval(policy.lease.inSeconds) }
    func newID() -> RecordID { around.newID() }

    /// Fails closed when the clock has been set back behind what was written down: validity and list dates would lie.
    /// - Throws: `ClockIsBehind`, `StoreError`.
    func requireSaneClock() async throws { try await clock.check(store, around.now(), tolerance: policy.clockTolerance) }
}

/// The latest instant at which something was signed, from the store at first and from memory afterwards.
private final class ClockWatch: Sendable {
    private let latest = Mutex<Date?>(nil)

    func check(_ store: AuthorityStore, _ now: Date, tolerance: Duration) async throws {
        var recorded = latest.withLock { $0 }
        if recorded == nil { recorded = try await store.recordedClock() }
        if let recorded, now < recorded.addingTimeInterval(-tolerance.inSeconds) {
            throw ClockIsBehind(now: now, recorded: recorded)
        }
        latest.withLock { [recorded] in $0 = max($0 ?? now, recorded ?? now, now) }
    }
}

/// Nothing is signed until the clock is right again.
package struct ClockIsBehind: Error, CustomStringConvertible {
    package let now: Date
    package let recorded: Date
    package var description: String {
        "The clock says \(now), but \(recorded) is on record already: set the clock; until then nothing is signed."
    }
}

extension Surroundings {
    func newID() -> RecordID {
        RecordID(at: now(), random: random(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }
}

extension CertificateAuthority {
    /// Runs a verb of the store; its trouble is logged for the operator and becomes a refusal for the stranger.
    func stored<Value: Sendable>(
        _ verb: () async throws(StoreError) -> Value
    ) async throws(Refusal) -> Value {
        do { return try await verb() } catch {
            log.error("the store refused", metadata: .event(error: error))
            throw Refusal(error)
        }
    }
}

extension Logger.Metadata {
    /// What an event is about, for every log line of this room.
    static func event(
        account: RecordID? = nil, order: RecordID? = nil, authorization: RecordID? = nil, serial: [UInt8]? = nil,
        error: (any Error)? = nil
    ) -> Logger.Metadata {
        var metadata: Logger.Metadata = [:]
        if let request = RequestID.current { metadata["request"] = .string(request) }
        if let account { metadata["account"] = .string(account.text) }
        if let order { metadata["order"] = .string(order.text) }
        if let authorization { metadata["authorization"] = .string(authorization.text) }
        if let serial { metadata["serial"] = .string(Certificate509.text(of: serial)) }
        if let error { metadata["error"] = "\(error)" }
        return metadata
    }
}
