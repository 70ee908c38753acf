internal import Foundation
internal import Logging
internal import ServiceLifecycle
internal import Store
internal import Synchronization

/// Among several servers on one database: shows that this one lives, and takes over from those that no longer do.
///
/// A server's beat is a number that it raises. Whoever has seen the number stand still for some rounds of his own strikes the server off
/// and frees its work; no two clocks are compared. One that was only asleep finds itself struck off, and joins again: its leases are
/// gone, its fences are old, and the first verdict and the first certificate stand, so that it can do no harm.
package final class Heart: Service, Sendable {
    /// From one round to the next.
    static let pause: Duration = .seconds(2)
    /// Rounds without a sign of life after which a server counts as dead.
    static let patience = 5

    private struct Watch {
        var beat: Int64
        var silence = 0
    }
    private struct Chart {
        var others: [String: Watch] = [:]
        var isFailing = false
        var odd: Set<String> = []
    }
    private let shop: Shop
    private let name: String
    private let refresh: @Sendable () async throws(StoreError) -> Void
    private let takeOver: @Sendable () async -> Void
    private let chart = Mutex(Chart())

    /// - Parameters:
    ///   - refresh: done with every round.
    ///   - takeOver: done when another server's work has become free.
    init(
        _ shop: Shop, name: String, refresh: @escaping @Sendable () async throws(StoreError) -> Void,
        takeOver: @escaping @Sendable () async -> Void
    ) {
        (self.shop, self.name, self.refresh, self.takeOver) = (shop, name, refresh, takeOver)
    }

    /// Living servers as far as this one knows, itself included.
    package var servers: Int { chart.withLock { $0.others.count + 1 } }

    /// Until shutdown; then gives away what is left in hand. Ends after the workers do.
    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                await round()
                do { try await shop.around.sleep(Self.pause) } catch { break }
            }
        }
        do { try await shop.store.leave(shop.owner, now: shop.around.now()) } catch {
            shop.log.warning("the others could not be told of the end", metadata: .event(error: error))
        }
    }

    /// One beat, and a look at the others'.
    package func round() async {
        do {
            guard let servers = try await shop.store.beat(shop.owner) else { return try await join() }
            try await refresh()
            if chart.withLock({ $0.isFailing }) { shop.log.notice("the database is back") }
            chart.withLock { $0.isFailing = false }
            warn(about: servers)
            for dead in watch(servers.filter { $0.id != shop.owner }) {
                guard try await shop.store.bury(dead.id, beat: dead.beat, now: shop.around.now()) else { continue }
                shop.log.warning("a server is dead; its work is taken over", metadata: ["server": "\(dead.name)"])
                await takeOver()
            }
        } catch {
            let isNew = chart.withLock { chart in
                defer { chart.isFailing = true }
                return !chart.isFailing
            }
            if isNew { shop.log.error("the database does not answer", metadata: .event(error: error)) }
        }
    }

    private func join() async throws(StoreError) {
        let wasThere = chart.withLock { !$0.others.isEmpty }
        if wasThere { shop.log.warning("this server was thought dead, and joins again") }
        try await shop.store.join(
            StoredServer(id: shop.owner, name: name, url: shop.urls.base, started: shop.around.now()))
    }

    /// - Returns: those that have been silent for too long.
    private func watch(_ servers: [StoredServer]) -> [StoredServer] {
        chart.withLock { chart in
            var seen: [String: Watch] = [:]
            for server in servers {
                var watch = chart.others[server.id] ?? Watch(beat: server.beat)
                watch.silence = watch.beat == server.beat && chart.others[server.id] != nil ? watch.silence + 1 : 0
                watch.beat = server.beat
                seen[server.id] = watch
            }
            chart.others = seen
            return servers.filter { seen[$0.id]?.silence ?? 0 >= Self.patience }
        }
    }

    /// Servers that hand out other URLs belong to another configuration.
    private func warn(about servers: [StoredServer]) {
        for server in servers where server.url != shop.urls.base {
            guard chart.withLock({ $0.odd.insert(server.id).inserted }) else { continue }
            shop.log.error(
                "a server has another http-external-url; give all the same settings",
                metadata: ["server": "\(server.name)", "theirs": "\(server.url)", "ours": "\(shop.urls.base)"])
        }
    }
}
