internal import Foundation
internal import Logging
internal import ServiceLifecycle
internal import Store
internal import Synchronization

/// Clears away orders and authorizations that ended long ago, and nonces that can no longer be used, a few at a time. Certificates and
/// revocations stay. Of several servers one does it at a time.
package final class Sweeper: Service, Sendable {
    private let shop: Shop
    /// How long what has expired can still be looked at.
    private static let grace: TimeInterval = 7 * 86_400
    /// Epochs of nonces that had ended at the last look.
    private let ended = Mutex<Set<Int64>>([])

    init(_ shop: Shop) { self.shop = shop }

    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                do { try await shop.around.sleep(.seconds(60)) } catch { break }
                await sweep()
            }
        }
    }

    /// All that is due.
    package func sweep() async {
        do {
            _ = try await shop.alone(at: .sweep) { _ in
                var isFinished = false
                while !isFinished, !Task.isCancelled {
                    isFinished =
                        try await shop.store.sweep(expiredBefore: shop.around.now().addingTimeInterval(-Self.grace)).finished
                }
                if shop.isShared { try await sweepNonces() }
            }
        } catch {
            shop.log.warning("sweeping failed", metadata: .event(error: error))
        }
    }

    /// Those of epochs that had ended a minute ago already: no use of theirs can still be under way.
    private func sweepNonces() async throws(StoreError) {
        let now = Set(try await shop.store.endedNonceEpochs())
        let before = ended.withLock { ended in
            defer { ended = now }
            return ended
        }
        for epoch in now.intersection(before).sorted() {
            var isGone = false
            while !isGone, !Task.isCancelled { isGone = try await shop.store.sweepNonces(epoch) }
        }
    }
}
