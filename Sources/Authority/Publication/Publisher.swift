internal import Faults
internal import Foundation
internal import Logging
internal import PKIX
internal import ServiceLifecycle
internal import Signing
package import Store
internal import Synchronization

/// Keeps a current revocation list: signed at start if need be, soon after each revocation, and long before it ages.
package final class Publisher: Service, Sendable {
    private let shop: Shop
    private let bell = Bell()
    private struct Desk {
        var list: StoredRevocationList?
        /// On that list.
        var entries = 0
        var isAsked = false
        /// How long the last list took from its first revocation read to its place in the store.
        var effort: TimeInterval = 0
    }
    private let desk = Mutex(Desk())
    private let oneAtATime = Gate(width: 1)
    /// Revocations read at a time: some hundred microseconds on the database's side.
    private static let page = 500

    init(_ shop: Shop) { self.shop = shop }

    /// A revocation was stored; a list follows within the policy's debounce.
    func revoked() {
        desk.withLock { $0.isAsked = true }
        bell.ring()
    }

    /// The list that is served; nil before the first.
    package var current: StoredRevocationList? { desk.withLock { $0.list } }
    /// Certificates on it.
    package var entries: Int? { desk.withLock { $0.list == nil ? nil : $0.entries } }

    /// Signs at once whatever the last list says; while another server is at it, waits for that.
    /// - Throws: `ClockIsBehind`, `StoreError`, `SigningError`, `CancellationError`.
    @discardableResult
    package func publish() async throws -> StoredRevocationList {
        while true {
            if let list = try await atTheDesk({ try await self.sign($0) }) { return list }
            try await shop.around.sleep(.milliseconds(500))
        }
    }

    /// Signs a list if one is due, and if no other server has just done so.
    /// - Returns: false while another server is at it.
    package func keepCurrent() async throws -> Bool {
        guard try await isDue() else { return true }
        let isDone: Bool? = try await atTheDesk { fence in
            if try await self.isDue() { _ = try await self.sign(fence) }
            return true
        }
        return isDone == true
    }

    /// One at a time, here and among all servers.
    private func atTheDesk<Value: Sendable>(_ work: @escaping @Sendable (Fence?) async throws -> Value) async throws -> Value? {
        let result: Result<Value?, any Error> = await oneAtATime.pass {
            do { return .success(try await shop.alone(at: .publish, work)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private func sign(_ fence: Fence?) async throws -> StoredRevocationList {
        try await shop.requireSaneClock()
        let began = shop.around.now()
        let issuer = shop.issuer
        let now = began.wholeSeconds
        // The count before the number, the number before the pages: a list may hold more than it counted, and holds whatever one with a
        // lower number held.
        let state = try await shop.store.publicationState(issuer: issuer.id)
        let thisUpdate = max(now, state.newest?.thisUpdate ?? now)
        let nextUpdate = thisUpdate.addingTimeInterval(shop.policy.revocationListLifetime.inSeconds)
        let number = try await shop.store.nextCRLNumber(issuer: issuer.id)
        crashPoint("list.number.after")
        let (tbs, entries) = try await toBeSigned(number, thisUpdate, nextUpdate, from: state.start)
        let signature = try await shop.sign(tbs, for: .revocationList)
        crashPoint("list.signature.after")
        let list = StoredRevocationList(
            issuer: issuer.id, number: number,
            der: try RevocationList.assemble(tbs: tbs, signature: signature, issuer: issuer.description), thisUpdate: thisUpdate,
            nextUpdate: nextUpdate, revocations: state.revocations)
        crashPoint("list.store.before")
        try await shop.store.saveCRL(list, fence: fence)
        crashPoint("list.store.after")
        show(list, entries)
        desk.withLock { [effort = shop.around.now().timeIntervalSince(began)] in $0.effort = max(0, effort) }
        shop.log.info("revocation list signed", metadata: ["number": "\(number)", "entries": "\(entries)"])
        return list
    }

    private func toBeSigned(
        _ number: Int64, _ thisUpdate: Date, _ nextUpdate: Date, from start: RevocationPlace
    ) async throws(StoreError) -> (tbs: [UInt8], entries: Int) {
        var draft = RevocationListDraft()
        var place: RevocationPlace? = start
        while let behind = place {
            let page = try await shop.store.revocations(issuer: shop.issuer.id, after: behind, limit: Self.page)
            for one in page { draft.add(RevocationList.Entry(serial: one.serial, revokedAt: one.at, reason: one.reason)) }
            place = page.count == Self.page ? page.last?.place : nil
            // A long list lets requests through between its pages.
            await Task.yield()
        }
        let tbs = draft.toBeSigned(
            issuer: shop.issuer.description, number: number, thisUpdate: thisUpdate, nextUpdate: nextUpdate)
        return (tbs, draft.count)
    }

    private func show(_ list: StoredRevocationList, _ entries: Int) {
        desk.withLock { desk in
            guard list.number > desk.list?.number ?? 0 else { return }
            desk.list = list
            desk.entries = entries
        }
    }

    /// Serves the stored list if it is young, else signs one.
    /// - Throws: `ClockIsBehind`, also when there is nothing to sign yet: a server that can sign nothing should not seem to work.
    package func start() async throws {
        try await shop.requireSaneClock()
        try await adopt()
        while try await !keepCurrent() { try await shop.around.sleep(.milliseconds(500)) }
    }

    /// Takes the stored list for the one to serve.
    private func adopt() async throws(StoreError) {
        guard let stored = try await shop.store.latestCRL(issuer: shop.issuer.id),
            let entries = RevocationList.entries(of: stored.der, signedBy: shop.issuer.description)
        else { return }
        show(stored, entries)
    }

    /// Whether the list that is served is half through its life, or revocations were stored since it was made, here or beside the server. A
    /// list that something else has published meanwhile is served from now on.
    package func isDue() async throws(StoreError) -> Bool {
        let state = try await shop.store.publicationState(issuer: shop.issuer.id)
        if let newest = state.newest, newest.number > current?.number ?? 0 { try await adopt() }
        guard let list = current else { return true }
        let half = list.thisUpdate.addingTimeInterval(list.nextUpdate.timeIntervalSince(list.thisUpdate) / 2)
        return shop.around.now() >= half || list.revocations != state.revocations
    }

    /// Until shutdown. What fails is tried again with growing pauses; the old list is served meanwhile.
    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            var failures = 0
            while !Task.isCancelled {
                do {
                    // What another server signs meanwhile may lack what was revoked here.
                    if try await !keepCurrent() {
                        try await shop.around.sleep(.seconds(1))
                        continue
                    }
                    failures = 0
                } catch {
                    failures += 1
                    shop.log.error("no revocation list could be signed", metadata: .event(error: error))
                }
                if failures > 0 {
                    do { try await shop.around.sleep(.seconds(min(60, 1 << min(failures - 1, 6)))) } catch { break }
                } else {
                    await bell.rest(.seconds(shop.isShared ? 3 : 30), shop.around)
                    if let gathering { do { try await shop.around.sleep(gathering) } catch { break } }
                }
            }
        }
    }

    /// How long revocations gather now that one was asked for: the policy's time, and as long as keeps the making of long lists below a
    /// twentieth of the time, but never longer than lets a revocation be seen within a minute. Nil: none was asked for.
    private var gathering: Duration? {
        let (isAsked, effort) = desk.withLock { desk in
            defer { desk.isAsked = false }
            return (desk.isAsked, desk.effort)
        }
        return isAsked ? max(shop.policy.revocationDebounce, .seconds(min(30, 20 * effort))) : nil
    }
}
