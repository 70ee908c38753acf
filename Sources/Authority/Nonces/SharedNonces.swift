internal import ACME
internal import Crypto
internal import Foundation
internal import Logging
package import Measures
package import Store
internal import Synchronization

/// Nonces for several servers on one database: any of them takes what any of them gave, once.
///
/// A nonce is `base64url(epoch | number | HMAC-SHA256(epoch's key, epoch | number) cut to 16)`, 43 characters. Giving one costs no
/// query; spending one is a row in the store's book, and those that come at the same time ride one statement. The epochs' keys lie in the
/// database and go with the book when that is lost.
package final class SharedNonces: NonceBook {
    /// A nonce is good for one to two times this long.
    static let period: TimeInterval = 900
    private static let bytes = 32

    private struct Epoch {
        let id: Int64
        let made: Date
        let key: SymmetricKey
    }
    private struct Waiting {
        let nonce: NonceNumber
        let told: CheckedContinuation<Result<Bool, StoreError>, Never>
    }
    private struct Desk {
        /// The newest last.
        var epochs: [Epoch] = []
        var next: UInt32 = 0
        var waiting: [Waiting] = []
        var isWriting = false
    }
    package let refusals = CounterFamily<NonceRefusal>()
    private let store: AuthorityStore
    private let around: Surroundings
    private let log: Logger
    /// Sets this process's numbers apart from all others'.
    private let mark: UInt32
    private let accountsChanged: @Sendable (Int64) -> Void
    private let desk = Mutex(Desk())

    /// - Parameter accountsChanged: told with each spending how often accounts have been changed, by whatever server.
    init(_ store: AuthorityStore, _ around: Surroundings, _ log: Logger, accountsChanged: @escaping @Sendable (Int64) -> Void) {
        (self.store, self.around, self.log, self.accountsChanged) = (store, around, log, accountsChanged)
        mark = around.random(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    package var outdatesAccounts: Bool { true }

    package func issue() -> String {
        let (epoch, counter) = desk.withLock { desk in
            desk.next &+= 1
            return (desk.epochs.last, desk.next)
        }
        // Before the first refresh there is nothing to give; nobody is served then.
        guard let epoch else { return "" }
        let number = Int64(bitPattern: UInt64(mark) << 32 | UInt64(counter))
        let head = Self.head(NonceNumber(epoch: epoch.id, number: number))
        return Base64URL.encode(head + HMAC<SHA256>.authenticationCode(for: head, using: epoch.key).prefix(16))
    }

    package func spend(_ nonce: String) async throws(Refusal) -> Bool {
        guard nonce.utf8.count == (Self.bytes * 4 + 2) / 3, let bytes = try? Base64URL.decode(nonce), bytes.count == Self.bytes
        else { return refuse(.unknown) }
        let number = NonceNumber(epoch: Self.integer(bytes[0..<8]), number: Self.integer(bytes[8..<16]))
        var key = key(of: number.epoch)
        if key == nil {
            // Another server may have begun an epoch, or the database lost ours.
            do { try await refresh() } catch { throw refusal(error) }
            key = self.key(of: number.epoch)
        }
        guard let key, Self.isAuthentic(bytes, key) else { return refuse(.unknown) }
        switch await write(number) {
        case .success(true): return true
        case .success(false):
            // Spent, or its epoch has ended: the nonce in the answer must be of one that has not.
            do { try await refresh() } catch { throw refusal(error) }
            return refuse(.spent)
        case .failure(let error): throw refusal(error)
        }
    }

    private func refuse(_ why: NonceRefusal) -> Bool {
        refusals.add(why)
        return false
    }

    /// Learns of epochs that others began, and begins one when the newest is old.
    package func refresh() async throws(StoreError) {
        var epochs = try await store.nonceEpochs()
        let old = around.now().addingTimeInterval(-Self.period)
        if epochs.last.map({ $0.made <= old }) ?? true {
            epochs = try await store.turnNonceEpoch(key: around.random(32), now: around.now(), unlessMadeAfter: old)
        }
        let known = epochs.map { Epoch(id: $0.id, made: $0.made, key: SymmetricKey(data: $0.key)) }
        desk.withLock { $0.epochs = known }
    }

    private func refusal(_ error: StoreError) -> Refusal {
        log.error("the nonces' book cannot be used", metadata: .event(error: error))
        return Refusal(error)
    }

    private func key(of epoch: Int64) -> SymmetricKey? {
        desk.withLock { desk in desk.epochs.first { $0.id == epoch }?.key }
    }

    // MARK: One statement for all who wait

    private func write(_ nonce: NonceNumber) async -> Result<Bool, StoreError> {
        await withCheckedContinuation { told in
            let begins = desk.withLock { desk in
                desk.waiting.append(Waiting(nonce: nonce, told: told))
                defer { desk.isWriting = true }
                return !desk.isWriting
            }
            // Belongs to nobody who waits: whoever hangs up stops nobody else's.
            if begins { Task { await self.drain() } }
        }
    }

    private func drain() async {
        while let batch = next() {
            do throws(StoreError) {
                var (fresh, changes) = try await store.spend(batch.map(\.nonce))
                if let changes { accountsChanged(changes) }
                for one in batch { one.told.resume(returning: .success(fresh.remove(one.nonce) != nil)) }
            } catch {
                for one in batch { one.told.resume(returning: .failure(error)) }
            }
        }
    }

    private func next() -> [Waiting]? {
        desk.withLock { desk in
            guard !desk.waiting.isEmpty else {
                desk.isWriting = false
                return nil
            }
            let batch = Array(desk.waiting.prefix(AuthorityStore.mostNonces))
            desk.waiting.removeFirst(batch.count)
            return batch
        }
    }

    // MARK: Bytes

    private static func head(_ nonce: NonceNumber) -> [UInt8] {
        [nonce.epoch, nonce.number].flatMap { number in (0..<8).map { UInt8(truncatingIfNeeded: number >> Int64(56 - 8 * $0)) } }
    }

    private static func integer(_ bytes: ArraySlice<UInt8>) -> Int64 { bytes.reduce(0) { $0 << 8 | Int64($1) } }

    /// In constant time.
    private static func isAuthentic(_ bytes: [UInt8], _ key: SymmetricKey) -> Bool {
        let code = HMAC<SHA256>.authenticationCode(for: bytes[0..<16], using: key).prefix(16)
        return zip(code, bytes[16...]).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
