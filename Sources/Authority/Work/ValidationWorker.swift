internal import ACME
internal import Faults
package import Foundation
internal import Logging
internal import Measures
internal import ServiceLifecycle
internal import Store
internal import Synchronization
internal import Tracing
internal import Validation

/// Asks the targets of challenges that were answered (RFC 8555 section 8.2): at once when the client answers, again after each delay of the
/// policy, and what an earlier process left behind.
package final class ValidationWorker: Service, Sendable {
    struct Duty: Hashable, Sendable {
        let authorization: RecordID
        let type: ChallengeType
    }
    private let shop: Shop
    private let validate: @Sendable (Attempt) async -> Result<Evidence, Problem>
    private let gate: Gate
    private let tasks = Tasks<Duty>(capacity: 10_000)
    private let hands = Mutex<[Duty: Hand]>([:])
    private let deadlines: Deadlines
    private let held = Atomic<Int>(0)

    /// A duty that is in hand.
    private struct Hand: Sendable {
        let account: RecordID?
        /// Ends the rest between two queries.
        let bell = Bell()
        /// Of the query under way, once its result is stored; nil during a rest.
        var query: Outcome<Void>? = Outcome()
    }

    init(_ shop: Shop, deadlines: Deadlines, validate: @escaping @Sendable (Attempt) async -> Result<Evidence, Problem>) {
        self.shop = shop
        self.deadlines = deadlines
        self.validate = validate
        gate = Gate(width: shop.policy.validationConcurrency)
    }

    var owner: String { shop.owner }
    var leaseEnd: Date { shop.leaseEnd }

    /// A duty that this process holds the lease of. Does nothing when it is at it already; what finds no room is claimed when its lease ends.
    /// - Parameters:
    ///   - authorization: as it has just been stored; nil: to be read.
    ///   - thumbprint: of the account's key at the response; nil: of the key that it has now.
    func take(_ duty: Duty, _ authorization: StoredAuthorization? = nil, thumbprint: String?) {
        let hand = Hand(account: authorization?.account)
        let isNew = hands.withLock { hands in
            guard hands[duty] == nil else { return false }
            hands[duty] = hand
            return true
        }
        guard isNew else { return }
        let started = tasks.start(duty) { [self] in
            await perform(duty, authorization, thumbprint: thumbprint, hand.bell)
        } done: { [self] in
            putDown(duty)
        }
        if !started { putDown(duty) }
    }

    private func putDown(_ duty: Duty) {
        hands.withLock { $0.removeValue(forKey: duty) }?.query?.settle(())
    }

    /// Brings the next query forward if the duty rests.
    func hurry(_ duty: Duty) {
        hands.withLock { $0[duty] }?.bell.ring()
    }

    /// Holds whoever looks at an authorization of `account` while a target of its challenges is being asked, until the result is stored,
    /// at most for the policy's `queryWait`.
    func queryEnds(_ authorization: RecordID, of account: RecordID) async {
        let query: Outcome<Void>? = hands.withLock { hands in
            for type in shop.policy.challenges {
                if let hand = hands[Duty(authorization: authorization, type: type)], hand.account == account { return hand.query }
            }
            return nil
        }
        guard let query, held.load(ordering: .relaxed) < shop.policy.heldLooks else { return }
        held.add(1, ordering: .relaxed)
        defer { held.subtract(1, ordering: .relaxed) }
        _ = await query.value(within: shop.policy.queryWait, deadlines)
    }

    private func queryEnded(_ duty: Duty) {
        let query = hands.withLock { hands in
            defer { hands[duty]?.query = nil }
            return hands[duty]?.query
        }
        query?.settle(())
    }

    private func queryBegins(_ duty: Duty) {
        hands.withLock { $0[duty]?.query = Outcome() }
    }

    /// Returns when no duty is in hand: all are decided, or rest in the store.
    package func settled() async { await tasks.settled() }

    private func perform(_ duty: Duty, _ known: StoredAuthorization?, thumbprint: String?, _ bell: Bell) async {
        do {
            guard let (attempt, earlier) = try await attempt(duty, known, thumbprint: thumbprint) else { return }
            var failures = earlier
            while true {
                let result = await gate.pass { await ask(attempt) }
                guard case .failure(let problem) = result else {
                    return try await succeed(duty, attempt, result)
                }
                // A query that ended because the process does is no failure of the target's.
                if Task.isCancelled { return }
                // Nor is what this server lacks itself: asked again for as long as someone waits for it.
                if problem.status == 503 {
                    guard try await rest(duty, shop.policy.validationDelays.first ?? .seconds(3), bell) else { return }
                    continue
                }
                failures.append(problem)
                guard failures.count < shop.policy.validationAttempts else { return try await fail(duty, failures) }
                let delay = shop.policy.validationDelays[failures.count - 1]
                // Another process takes over only after this one's next query must be over.
                let due = shop.around.now().addingTimeInterval(delay.inSeconds + shop.policy.lease.inSeconds)
                let isOurs = try await shop.store.recordAttempt(
                    duty.authorization, duty.type, Self.summary(failures), owner: shop.owner, due: due)
                guard isOurs else { return }
                queryEnded(duty)
                await bell.rest(delay, shop.around)
                if Task.isCancelled { return }
                queryBegins(duty)
                guard try await isWanted(duty) else { return }
            }
        } catch {
            // The lease runs out, and it is claimed again.
            shop.log.error(
                "a validation could not be recorded", metadata: .event(authorization: duty.authorization, error: error))
        }
    }

    private func ask(_ attempt: Attempt) async -> Result<Evidence, Problem> {
        let began = ContinuousClock.now
        let result = await Trace.span(
            "validate " + attempt.type.rawValue, ofKind: .client, ["chancery.name": .string(attempt.name)]
        ) {
            let result = await validate(attempt)
            if case .failure(let problem) = result {
                Trace.note(["chancery.problem": .string(problem.errorType?.rawValue ?? "other")])
                Trace.fail()
            }
            return result
        }
        shop.measures.attemptTime[attempt.type].observe(began.duration(to: .now))
        shop.measures.attempts.add(attempt.type, ValidationResult(result))
        return result
    }

    /// Between two queries, of which the first counted for nothing.
    /// - Returns: false when the duty is over, or another's.
    private func rest(_ duty: Duty, _ delay: Duration, _ bell: Bell) async throws(StoreError) -> Bool {
        let until = shop.around.now().addingTimeInterval(delay.inSeconds + shop.policy.lease.inSeconds)
        let item = WorkItem(
            kind: .validation(authorization: duty.authorization, type: duty.type), owner: shop.owner, leaseUntil: until,
            attempts: 0)
        guard try await shop.store.extendLease(item, until: until) else { return false }
        queryEnded(duty)
        await bell.rest(delay, shop.around)
        if Task.isCancelled { return false }
        queryBegins(duty)
        return try await isWanted(duty)
    }

    /// What to ask, and the failed queries so far; nil when nobody waits for it any more.
    private func attempt(
        _ duty: Duty, _ known: StoredAuthorization?, thumbprint: String?
    ) async throws(StoreError) -> (Attempt, [Problem])? {
        var authorization = known
        if authorization == nil { authorization = try await shop.store.authorization(duty.authorization) }
        guard let authorization, authorization.status(at: shop.around.now()) == .pending,
            let challenge = authorization.challenge(duty.type), challenge.status == .processing
        else { return nil }
        var thumbprint = thumbprint
        if thumbprint == nil {
            guard let account = try await shop.store.account(authorization.account), account.status == .valid else { return nil }
            thumbprint = account.key.thumbprint
        }
        let attempt = Attempt(
            type: duty.type, name: authorization.identifier.value, token: authorization.token, thumbprint: thumbprint ?? "")
        return (attempt, challenge.error?.subproblems ?? [])
    }

    private func isWanted(_ duty: Duty) async throws(StoreError) -> Bool {
        let authorization = try await shop.store.authorization(duty.authorization)
        return authorization?.status(at: shop.around.now()) == .pending
    }

    private func succeed(_ duty: Duty, _ attempt: Attempt, _ result: Result<Evidence, Problem>) async throws(StoreError) {
        guard case .success(let evidence) = result else { return }
        let now = shop.around.now()
        let until = now.addingTimeInterval(shop.policy.authorizationLifetime.inSeconds).wholeSeconds
        crashPoint("challenge.verdict.before")
        try await shop.store.recordVerdict(duty.authorization, duty.type, .valid(until: until), at: now)
        shop.measures.verdicts.add(duty.type, .valid)
        crashPoint("challenge.verdict.after")
        var metadata = Logger.Metadata.event(authorization: duty.authorization)
        metadata["name"] = "\(attempt.name)"
        metadata["type"] = "\(duty.type.rawValue)"
        metadata["evidence"] = "\(evidence.summary)"
        shop.log.info("challenge valid", metadata: metadata)
    }

    private func fail(_ duty: Duty, _ failures: [Problem]) async throws(StoreError) {
        let problem = Self.summary(failures)
        try await shop.store.recordVerdict(duty.authorization, duty.type, .invalid(problem), at: shop.around.now())
        shop.measures.verdicts.add(duty.type, ValidationResult(.failure(problem)))
        var metadata = Logger.Metadata.event(authorization: duty.authorization)
        metadata["type"] = "\(duty.type.rawValue)"
        metadata["problem"] = "\(failures.last?.detail ?? "")"
        shop.log.info("challenge invalid", metadata: metadata)
    }

    /// The latest failure speaks; each query has a subproblem (RFC 8555 section 8.2).
    static func summary(_ failures: [Problem]) -> Problem {
        guard var problem = failures.last else { return Problem(.serverInternal, 500, "Nothing was asked.") }
        problem.subproblems = failures.map { failure in
            var failure = failure
            failure.subproblems = nil
            return failure
        }
        return problem
    }
}

extension ValidationWorker {
    /// Takes what an earlier process left behind, then whatever nobody is at, until shutdown; then lets the queries in flight come to an end
    /// and leaves the rest to the next process. Returns only then.
    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            // A database that is not shared has one server: leases of earlier ones are void.
            await claim(at: shop.isShared ? shop.around.now() : shop.leaseEnd)
            while !Task.isCancelled {
                do { try await shop.around.sleep(.seconds(shop.isShared ? 2 : 10)) } catch { break }
                await claim(at: shop.around.now())
            }
        }
        tasks.close()
        await tasks.settled()
    }

    /// Duties that are due at `instant`.
    /// - Returns: how many were taken.
    @discardableResult
    package func claim(at instant: Date) async -> Int {
        let limit = min(tasks.room, 256)
        guard limit > 0 else { return 0 }
        do {
            guard let due = try await shop.store.nextDue(.validation), due <= instant else { return 0 }
            let items = try await shop.store.claimWork(
                .validation, owner: shop.owner, leaseUntil: max(shop.leaseEnd, instant.addingTimeInterval(1)), now: instant,
                limit: limit)
            for item in items {
                guard case .validation(let authorization, let type) = item.kind else { continue }
                let duty = Duty(authorization: authorization, type: type)
                if try await isWanted(duty) { take(duty, thumbprint: nil) } else { try await shop.store.dropWork(item) }
            }
            return items.count
        } catch {
            shop.log.error("validations could not be claimed", metadata: .event(error: error))
            return 0
        }
    }
}
