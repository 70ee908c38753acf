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

    /// Every minute what expired last, and every six hours whatever else a round that looks at all finds.
    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            var thorough: Date?
            while !Task.isCancelled {
                do { try await shop.around.sleep(.seconds(60)) } catch { break }
                let now = shop.around.now()
                let isThorough = thorough.map { !(0..<6 * 3600).contains(now.timeIntervalSince($0)) } ?? true
                await sweep(thorough: isThorough, pause: .milliseconds(20))
                if isThorough { thorough = now }
            }
        }
    }

    /// All that is due.
    /// - Parameter pause: between steps, for whoever else wants the database.
    package func sweep(thorough: Bool = true, pause: Duration = .zero) async {
        do {
            _ = try await shop.alone(at: .sweep) { _ in
                while !Task.isCancelled {
                    let cutoff = shop.around.now().addingTimeInterval(-Self.grace)
                    if try await shop.store.sweep(expiredBefore: cutoff, thorough: thorough).finished { break }
                    if pause > .zero { try? await shop.around.sleep(pause) }
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
