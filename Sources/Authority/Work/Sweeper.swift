internal import Foundation
package import ServiceLifecycle
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
            var swept = Swept(orders: 0, authorizations: 0, finished: false)
            while !swept.finished, !Task.isCancelled {
                swept = try await shop.store.sweep(expiredBefore: shop.around.now().addingTimeInterval(-Self.grace))
            }
        } catch {
            shop.log.warning("sweeping failed", metadata: .event(error: error))
        }
    }
}
