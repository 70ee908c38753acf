internal import Foundation
internal import Logging
internal import ServiceLifecycle
internal import Store

/// Clears away orders and authorizations that ended long ago, a few at a time. Certificates and revocations stay.
package final class Sweeper: Service, Sendable {
    private let shop: Shop
    /// How long what has expired can still be looked at.
    private static let grace: TimeInterval = 7 * 86_400
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
            var isFinished = false
            while !isFinished, !Task.isCancelled {
                isFinished = try await shop.store.sweep(expiredBefore: shop.around.now().addingTimeInterval(-Self.grace)).finished
            }
        } catch {
            shop.log.warning("sweeping failed", metadata: .event(error: error))
        }
    }
}
