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
            while !Task.isCancelled {
                let cutoff = shop.around.now().addingTimeInterval(-Self.grace)
                if try await shop.store.sweep(expiredBefore: cutoff, thorough: thorough).finished { return }
                if pause > .zero { try? await shop.around.sleep(pause) }
            }
        } catch {
            shop.log.warning("sweeping failed", metadata: .event(error: error))
        }
    }
}
