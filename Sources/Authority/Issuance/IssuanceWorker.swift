internal import ACME
internal import Faults
internal import Foundation
internal import Logging
internal import Measures
internal import PKIX
internal import ServiceLifecycle
internal import Signing
internal import Store
internal import Synchronization

/// Turns accepted requests into certificates: to-be-signed bytes, lint, intent stored, signature, certificate stored. What a crash or a
/// failing signer leaves between intent and certificate is finished with the same bytes, or voided, never forgotten.
package final class IssuanceWorker: Service, Sendable {
    /// What a certificate is to be for. `order` is nil for the authority's own.
    struct Job: Sendable {
        let order: StoredOrder?
        let names: [String]
        let key: PublicKeyInfo
        /// Only in the authority's own.
        var addresses: [[UInt8]] = []
    }
    /// How a job ended, as far as its requester can be told.
    typealias Ending = Result<StoredCertificate, Refusal>

    private let shop: Shop
    private let tasks = Tasks<RecordID>(capacity: 10_000)
    private let outcomes = Mutex<[RecordID: Outcome<Ending>]>([:])
    private let trouble = Bell()
    /// Intents that this process could not finish, where others may be at work on the rest.
    private let unfinished = Mutex<Set<RecordID>>([])

    init(_ shop: Shop) { self.shop = shop }

    /// - Parameter name: of the order, or any new one; a job under a name that is in hand is not begun again but its outcome shared.
    func begin(_ name: RecordID, _ job: Job) -> Outcome<Ending> {
        let (outcome, isNew) = outcomes.withLock { outcomes in
            if let running = outcomes[name] { return (running, false) }
            let outcome = Outcome<Ending>()
            outcomes[name] = outcome
            return (outcome, true)
        }
        guard isNew else { return outcome }
        let started = tasks.start(name) { [self] () async -> Ending in
            do throws(Refusal) { return .success(try await issue(job)) } catch {
                // Not where another request was first.
                if error.retryAfter != nil { shop.measures.issuances.add(.failed) }
                return .failure(error)
            }
        } done: { [self] ending in
            outcomes.withLock { $0[name] = nil }
            outcome.settle(ending)
        }
        if !started {
            outcomes.withLock { $0[name] = nil }
            outcome.settle(.failure(.unavailable(retryAfter: 5)))
        }
        return outcome
    }

    /// The job that is in hand for an order.
    func outcome(_ order: RecordID) -> Outcome<Ending>? { outcomes.withLock { $0[order] } }

    /// Returns when no job is in hand.
    package func settled() async { await tasks.settled() }

    // MARK: From job to certificate

    /// - Throws: a refusal of the job as long as nothing was promised; `unavailable` from the intent on, when the order goes on `processing`.
    private func issue(_ job: Job) async throws(Refusal) -> StoredCertificate {
        let now = shop.around.now()
        do { try await shop.requireSaneClock() } catch {
            shop.log.critical("the clock is behind", metadata: .event(order: job.order?.id, error: error))
            throw .unavailable(retryAfter: 60)
        }
        let toBeSigned = try toBeSigned(job, now)
        let linted: Linted
        do { linted = try Linted(toBeSigned, issuer: shop.issuer.description, at: now) } catch {
            shop.log.error("a certificate failed the lint", metadata: .event(order: job.order?.id, error: error))
            throw .broken
        }
        let intent = try intent(job, linted.contents, now)
        crashPoint("issuance.intent.before")
        try await commit(intent, for: job.key)
        crashPoint("issuance.intent.after")
        shop.log.info("issuance intended", metadata: .event(account: intent.account, order: intent.order, serial: intent.serial))
        do { return try await finish(intent, linted) } catch {
            shop.log.error(
                "issuance will be tried again",
                metadata: .event(account: intent.account, order: intent.order, serial: intent.serial, error: error))
            wake(for: intent.id)
            throw .unavailable(retryAfter: 5)
        }
    }

    /// Work of others may have become free.
    func wake() { trouble.ring() }

    private func wake(for intent: RecordID) {
        unfinished.withLock { _ = $0.insert(intent) }
        trouble.ring()
    }

    private func toBeSigned(_ job: Job, _ now: Date) throws(Refusal) -> ToBeSigned {
        let validity = try Validity(
            notBefore: job.order?.notBefore, notAfter: job.order?.notAfter, policy: shop.policy, now: now,
            end: shop.issuer.certificate.notAfter)
        var serial: [UInt8]?
        while serial == nil { serial = CertificateDescription.serial(from: shop.around.random(16)) }
        let description = CertificateDescription.leaf(
            names: job.names, addresses: job.addresses, key: job.key, issuer: shop.issuer.description, serial: serial ?? [],
            notBefore: validity.notBefore,
            notAfter: validity.notAfter, crlURL: shop.urls.crl(shop.issuer.id), issuerURL: shop.urls.certificate(shop.issuer.id))
        return ToBeSigned(description, signedWith: shop.issuer.description.scheme)
    }

    /// What the bytes were read back to promise must be the job's names and key, no more and no less.
    private func intent(_ job: Job, _ fields: TBSCertificate, _ now: Date) throws(Refusal) -> Intent {
        guard let names = try? fields.dnsNames(), names.count == job.names.count,
            Set(names) == Set(job.names), (try? fields.addresses()) == job.addresses, fields.publicKey == job.key.der
        else {
            shop.log.critical("to-be-signed bytes differ from what was ordered", metadata: .event(order: job.order?.id))
            throw .broken
        }
        return Intent(
            id: shop.newID(), order: job.order?.id, account: job.order?.account, issuer: shop.issuer.id, serial: fields.serial,
            toBeSigned: fields.der,
            identifiers: names.map { .dns($0) } + job.addresses.map { Identifier(type: "ip", value: $0.addressText) },
            created: now)
    }

    private func commit(_ intent: Intent, for key: PublicKeyInfo) async throws(Refusal) {
        do {
            guard intent.order != nil else {
                return try await shop.store.beginOwnIssuance(intent, owner: shop.owner, leaseUntil: shop.leaseEnd)
            }
            // The key is judged with the order: another reading before would cost more, and could be outrun.
            switch try await shop.store.beginIssuance(
                intent, for: KeyToCertify(key), owner: shop.owner, leaseUntil: shop.leaseEnd)
            {
            case .begun: return
            case .already(let status, _): throw Refusal.orderNotReady(status)
            case .unusable(let use): throw Refusal(use) ?? .broken
            }
        } catch let refusal as Refusal {
            throw refusal
        } catch let error as StoreError {
            shop.log.error("the store refused", metadata: .event(order: intent.order, error: error))
            // Nobody may know whether it was stored.
            if shop.isShared { wake(for: intent.id) }
            throw Refusal(error)
        } catch { throw .broken }
    }

    /// From the signature on there is a certificate, and it is recorded whatever has happened to its order.
    private func finish(_ intent: Intent, _ linted: consuming Linted) async throws -> StoredCertificate {
        let contents = linted.contents
        let der = try await linted.signed { [shop] in try await shop.sign($0, for: .certificate) }
        crashPoint("issuance.signature.after")
        let recorded = try await shop.store.recordIssuance(
            StoredCertificate(
                id: intent.id, order: intent.order, account: intent.account, issuer: intent.issuer, serial: intent.serial,
                der: der,
                keyHash: PublicKeyInfo.fingerprint(of: contents.publicKey), identifiers: intent.identifiers,
                notBefore: contents.notBefore, notAfter: contents.notAfter, created: shop.around.now()))
        shop.measures.issuances.add(.issued)
        shop.measures.issuanceTime.observe(seconds: shop.around.now().timeIntervalSince(intent.created))
        crashPoint("issuance.record.after")
        shop.log.info(
            "certificate issued", metadata: .event(account: intent.account, order: intent.order, serial: intent.serial))
        return recorded
    }
}

extension IssuanceWorker {
    /// Finishes what was intended and never signed, at start and whenever the signer failed, until shutdown; then lets the jobs in hand come
    /// to an end. Returns only then.
    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            var failures = 0
            while !Task.isCancelled {
                failures = await recover() ? 0 : failures + 1
                // 1, 2, 4 … 60 s while it fails; else until the next failure, or as a look whether anything was missed.
                let wait = failures == 0 ? (shop.isShared ? 10 : 300) : min(60, 1 << min(failures - 1, 6))
                if failures > 0 {
                    do { try await shop.around.sleep(.seconds(wait)) } catch { break }
                } else {
                    await trouble.rest(.seconds(wait), shop.around)
                    // Whoever rang has just failed.
                    if !Task.isCancelled { try? await shop.around.sleep(.seconds(1)) }
                }
            }
        }
        tasks.close()
        await tasks.settled()
    }

    /// Finishes or voids each intent that nobody is at.
    /// - Returns: whether none is left.
    package func recover() async -> Bool {
        do {
            try await shop.requireSaneClock()
            return shop.isShared ? try await recoverFreed() : try await recoverAll()
        } catch {
            shop.log.error("issuances could not be recovered", metadata: .event(error: error))
            return false
        }
    }

    /// Where other servers are: what this one left behind, and what has lost its server.
    private func recoverFreed() async throws(StoreError) -> Bool {
        let now = shop.around.now()
        let freed = try await shop.store.claimWork(
            .issuance, owner: shop.owner, leaseUntil: shop.leaseEnd, now: now, limit: 100)
        unfinished.withLock { $0.formUnion(freed.map(\.subject)) }
        for id in unfinished.withLock({ $0.sorted() }) {
            if Task.isCancelled { return false }
            let isOurs = try await shop.store.claimIssuance(id, owner: shop.owner, leaseUntil: shop.leaseEnd, now: now)
            if isOurs, let intent = try await shop.store.intent(id), !(await tryAgain(intent)) { continue }
            unfinished.withLock { _ = $0.remove(id) }
        }
        return freed.count < 100 && unfinished.withLock { $0.isEmpty }
    }

    /// Where this server is alone: whatever is there.
    private func recoverAll() async throws(StoreError) -> Bool {
        var isClear = true
        var cursor: RecordID?
        while true {
            let page = try await shop.store.intentsWithoutCertificate(after: cursor, limit: 100)
            for intent in page {
                if Task.isCancelled { return isClear }
                cursor = intent.id
                guard outcomes.withLock({ $0[intent.order ?? intent.id] }) == nil else { continue }
                if !(await tryAgain(intent)) { isClear = false }
            }
            if page.count < 100 {
                unfinished.withLock { $0 = [] }
                return isClear
            }
        }
    }

    private func tryAgain(_ intent: Intent) async -> Bool {
        do {
            try await resume(intent)
            return true
        } catch {
            shop.log.error(
                "issuance failed again",
                metadata: .event(account: intent.account, order: intent.order, serial: intent.serial, error: error))
            return false
        }
    }

    /// The same bytes, linted anew.
    private func resume(_ intent: Intent) async throws {
        let obstacle: String?
        if intent.issuer != shop.issuer.id {
            obstacle = "The issuer has changed since."
        } else if let account = intent.account, try await shop.store.account(account)?.status != .valid {
            obstacle = "The account has been deactivated."
        } else {
            obstacle = nil
        }
        if let obstacle { return try await void(intent, obstacle) }
        let linted: Linted
        do {
            linted = try Linted(ToBeSigned(bytes: intent.toBeSigned), issuer: shop.issuer.description, at: shop.around.now())
        } catch {
            shop.log.error(
                "an intent no longer passes the lint", metadata: .event(order: intent.order, serial: intent.serial, error: error))
            return try await void(intent, "The certificate could not be signed in time.")
        }
        _ = try await finish(intent, linted)
    }

    private func void(_ intent: Intent, _ why: String) async throws(StoreError) {
        shop.measures.issuances.add(.voided)
        shop.log.warning("issuance voided", metadata: .event(account: intent.account, order: intent.order, serial: intent.serial))
        guard let order = intent.order else { return try await shop.store.voidIntent(intent.id) }
        try await shop.store.failIssuance(order, Problem(.serverInternal, 500, why))
    }
}
