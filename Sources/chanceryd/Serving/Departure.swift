import Logging
import ServiceLifecycle
import Synchronization

/// The first to hear of the server's end. From then on `/readyz` says no and every answer closes its connection, while all is served as
/// before for as long as whoever stands in front needs to send clients elsewhere. It stands last among the services: the listeners are
/// told when this one has ended.
final class Departure: Service, Sendable {
    private let delay: Duration
    private let sleep: @Sendable (Duration) async throws -> Void
    private let logger: Logger
    private let begun = Atomic(false)

    /// - Parameter delay: how long the server goes on as if nothing were.
    init(delay: Duration, sleep: @escaping @Sendable (Duration) async throws -> Void, logger: Logger) {
        (self.delay, self.sleep, self.logger) = (delay, sleep, logger)
    }

    var isUnderWay: Bool { begun.load(ordering: .relaxed) }

    func run() async throws {
        do { try await gracefulShutdown() } catch { return }
        begun.store(true, ordering: .relaxed)
        logger.notice("stopping", metadata: ["delay": "\(delay)"])
        // Cut short when the whole group is cancelled.
        if delay > .zero { try? await sleep(delay) }
    }
}
