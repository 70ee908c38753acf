internal import Dispatch
internal import Foundation

/// A connection that comes back by itself: when it is lost, new ones are tried behind the caller's back, with growing pauses, until one
/// holds. Used by one thread at a time, save `close`.
final class PostgreSQLLink: @unchecked Sendable {
    private let connect: @Sendable () throws(PostgreSQLFailure) -> PostgreSQLConnection
    private let connector = DispatchQueue(label: "store.connect")
    /// Guards everything below.
    private let condition = NSCondition()
    private var connection: PostgreSQLConnection?
    private var isConnecting = false
    private var isClosed = false
    private var failures = 0
    private var lastFailure = PostgreSQLFailure(state: "", message: "not connected yet", isLost: true)

    /// - Parameter connect: makes one; it may block for some seconds.
    init(_ connect: @escaping @Sendable () throws(PostgreSQLFailure) -> PostgreSQLConnection) {
        self.connect = connect
    }

    /// The connection, which stays the caller's until the next call. While one is wanted and none attempt has failed yet, it is waited for,
    /// so that a single lost connection is felt by nobody.
    /// - Parameter patience: how long to wait; with `stubborn` also while attempts fail.
    /// - Throws: why the last attempt failed.
    func use(patience: Duration, stubborn: Bool = false) throws(PostgreSQLFailure) -> PostgreSQLConnection {
        let end = Date().addingTimeInterval(patience / .seconds(1))
        condition.lock()
        defer { condition.unlock() }
        while !isClosed {
            if let connection {
                if connection.isUsable { return connection }
                self.connection = nil
            }
            start()
            if failures > 0, !stubborn { throw lastFailure }
            guard condition.wait(until: end) else { throw lastFailure }
        }
        throw PostgreSQLFailure(state: "", message: "the store is closed", isLost: true)
    }

    /// The connection is not to be used again.
    func drop(_ why: PostgreSQLFailure) {
        condition.lock()
        defer { condition.unlock() }
        connection = nil
        lastFailure = why
        start()
    }

    func close() {
        condition.lock()
        (isClosed, connection) = (true, nil)
        condition.broadcast()
        condition.unlock()
    }

    /// Called with the lock held.
    private func start() {
        guard !isConnecting, !isClosed else { return }
        (isConnecting, failures) = (true, 0)
        attempt(after: 0)
    }

    /// 50 ms, 100 ms … 2 s, each from half to one and a half of it, so that servers do not return all at once.
    private func attempt(after pause: Double) {
        connector.asyncAfter(deadline: .now() + pause) { [weak self] in
            guard let self, self.isWanted else { return }
            do throws(PostgreSQLFailure) { self.succeeded(try self.connect()) } catch { self.failed(error) }
        }
    }

    private var isWanted: Bool {
        condition.lock()
        defer { condition.unlock() }
        return !isClosed
    }

    private func succeeded(_ new: PostgreSQLConnection) {
        condition.lock()
        defer { condition.unlock() }
        guard !isClosed else { return }
        (connection, isConnecting, failures) = (new, false, 0)
        condition.broadcast()
    }

    private func failed(_ why: PostgreSQLFailure) {
        condition.lock()
        failures += 1
        lastFailure = why
        let pause = min(2, 0.05 * pow(2, Double(min(failures - 1, 10)))) * .random(in: 0.5...1.5)
        condition.broadcast()
        condition.unlock()
        attempt(after: pause)
    }
}
