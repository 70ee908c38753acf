internal import Synchronization

/// How patient the engine is. The defaults are for a server; tests shorten them.
struct PostgreSQLOptions: Sendable {
    /// Connections that read.
    var readers = 4
    /// Readings that may wait for one connection.
    var readerCapacity = 1024
    /// How long an answer may take.
    var deadline = Duration.seconds(10)
    /// How long a verb waits for a new connection where the old one has just been lost.
    var patience = Duration.seconds(2)
    /// How long to find out whether a commit took place whose answer was lost. With `deadline` before it, clients who wait 30 s get an answer.
    var doubtPatience = Duration.seconds(10)
    /// How long opening waits for the first connection.
    var openingPatience = Duration.seconds(30)
    /// How often a verb is tried whose transaction collided or lost its connection.
    var attempts = 6
    /// Told every statement's text before it runs; for tests.
    var observer: (@Sendable (String) -> Void)?
}

/// Messages sent and answered, over all connections of a store.
final class PostgreSQLTrips: Sendable {
    private let number = Atomic<Int>(0)
    var count: Int { number.load(ordering: .relaxed) }
    func add() { number.wrappingAdd(1, ordering: .relaxed) }
}
