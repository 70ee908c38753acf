internal import Foundation
internal import Logging
internal import PKIX
package import ServiceLifecycle
internal import Signing
package import Store
internal import Synchronization

/// Keeps a current revocation list: signed at start if need be, soon after each revocation, and long before it ages.
package final class Publisher: Service, Sendable {
    private let shop: Shop
    private let bell = Bell()
    private struct Desk {
        var list: StoredRevocationList?
        /// Serials on the list that is served.
        var serials: Set<[UInt8]> = []
        var isAsked = false
    }
    private let desk = Mutex(Desk())
    private let oneAtATime = Gate(width: 1)

    init(_ shop: Shop) { self.shop = shop }

    /// A revocation was stored; a list follows within the policy's debounce.
    func revoked() {
        desk.withLock { $0.isAsked = true }
        bell.ring()
    }

    /// The list that is served; nil before the first.
    package var current: StoredRevocationList? { desk.withLock { $0.list } }

    /// Signs at once whatever the last list says.
    /// - Throws: `ClockIsBehind`, `StoreError`, `SigningError`.
    @discardableResult
    package func publish() async throws -> StoredRevocationList {
        let result: Result<StoredRevocationList, any Error> = await oneAtATime.pass {
            do { return .success(try await sign()) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private func sign() async throws -> StoredRevocationList {
        try await shop.requireSaneClock()
        desk.withLock { $0.isAsked = false }
        let issuer = shop.issuer
        let now = shop.around.now().wholeSeconds
        let last = try await shop.store.latestCRL(issuer: issuer.id)
        let thisUpdate = max(now, last?.thisUpdate ?? now)
        let nextUpdate = thisUpdate.addingTimeInterval(shop.policy.revocationListLifetime.inSeconds)
        let number = try await shop.store.nextCRLNumber(issuer: issuer.id)
        let revocations = try await shop.store.revocations(issuer: issuer.id)
        let tbs = RevocationList.toBeSigned(
            issuer: issuer.description, number: number, thisUpdate: thisUpdate, nextUpdate: nextUpdate,
            entries: revocations.lazy.map { RevocationList.Entry(serial: $0.serial, revokedAt: $0.at, reason: $0.reason) })
        let signature = try await issuer.signer.sign(tbs)
        let der = RevocationList.assemble(tbs: tbs, signature: signature, scheme: issuer.description.scheme)
        guard try RevocationList(der: der).isSigned(by: issuer.certificate) else {
            throw Unacceptable(.signature, "the signature does not fit the issuer's certificate")
        }
        let list = StoredRevocationList(
            issuer: issuer.id, number: number, der: der, thisUpdate: thisUpdate, nextUpdate: nextUpdate)
        try await shop.store.saveCRL(list)
        show(list, revocations.map(\.serial))
        shop.log.info("revocation list signed", metadata: ["number": "\(number)", "entries": "\(revocations.count)"])
        return list
    }

    private func show(_ list: StoredRevocationList, _ serials: [[UInt8]]) {
        desk.withLock { desk in
            guard list.number > desk.list?.number ?? 0 else { return }
            desk.list = list
            desk.serials = Set(serials)
        }
    }

    /// Serves the stored list if it is young, else signs one.
    /// - Throws: `ClockIsBehind`, also when there is nothing to sign yet: a server that can sign nothing should not seem to work.
    package func start() async throws {
        try await shop.requireSaneClock()
        if let stored = try await shop.store.latestCRL(issuer: shop.issuer.id), let list = try? RevocationList(der: stored.der),
            list.isSigned(by: shop.issuer.certificate)
        {
            show(stored, list.entries.map { Array($0.serial.drop { $0 == 0 }) })
        }
        if try await isDue() { try await publish() }
    }

    /// Whether the list that is served is half through its life, or something else, such as a command beside the server, has revoked or
    /// published meanwhile.
    func isDue() async throws(StoreError) -> Bool {
        let (list, serials, isAsked) = desk.withLock { ($0.list, $0.serials, $0.isAsked) }
        guard let list, !isAsked else { return true }
        let half = list.thisUpdate.addingTimeInterval(list.nextUpdate.timeIntervalSince(list.thisUpdate) / 2)
        if shop.around.now() >= half { return true }
        return try await shop.store.revocations(issuer: shop.issuer.id).contains { revocation in
            !serials.contains(revocation.serial) && !serials.contains(Array(revocation.serial.drop { $0 == 0 }))
        }
    }

    /// Until shutdown. What fails is tried again with growing pauses; the old list is served meanwhile.
    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            var failures = 0
            while !Task.isCancelled {
                do {
                    if current == nil { try await start() } else if try await isDue() { try await publish() }
                    failures = 0
                } catch {
                    failures += 1
                    shop.log.error("no revocation list could be signed", metadata: .event(error: error))
                }
                if failures > 0 {
                    do { try await shop.around.sleep(.seconds(min(60, 1 << min(failures - 1, 6)))) } catch { break }
                } else {
                    await bell.rest(.seconds(30), shop.around)
                    let isAsked = desk.withLock { $0.isAsked }
                    if isAsked { do { try await shop.around.sleep(shop.policy.revocationDebounce) } catch { break } }
                }
            }
        }
    }
}

extension CertificateAuthority {
    /// The list to serve: from memory, or, before the first was signed here, from the store.
    /// - Parameter issuer: its key identifier in hexadecimal.
    /// - Returns: nil where nothing is known of such a list.
    package func crl(_ issuer: String) async throws(Refusal) -> StoredRevocationList? {
        if issuer == self.issuer.id, let list = publisher.current { return list }
        return try await stored { () async throws(StoreError) in try await store.latestCRL(issuer: issuer) }
    }

    /// DER; nil for an issuer that never was one here.
    package func issuerCertificate(_ id: String) async throws(Refusal) -> [UInt8]? {
        if id == issuer.id { return issuer.certificate.der }
        let earlier = try await stored { () async throws(StoreError) in try await store.issuers() }
        return earlier.first { $0.id == id }?.chain.first
    }

    package var rootPEM: String { issuer.root.pem }

    /// Run beside Web; shut down after it, so that what it accepted is finished.
    package var services: [any Service] { (heart.map { [$0] } ?? []) + [validations, issuances, publisher, sweeper] }

    /// Before the first request: the issuer on record, a list to serve, and what several servers share.
    /// - Throws: `StoreError`, `ClockIsBehind`, `SigningError`.
    package func prepare() async throws {
        if let shared = nonces as? SharedNonces {
            consent.share(try await store.secret("consent", proposed: around.random(32)))
            try await shared.refresh()
            await heart?.round()
        }
        try await store.saveIssuer(StoredIssuer(id: issuer.id, chain: issuer.chain, created: around.now()))
        try await publisher.start()
    }
}
