internal import Dispatch
internal import Synchronization

/// One reading connection and its thread.
final class PostgreSQLReader: Sendable {
    private let link: PostgreSQLLink
    private let thread: DispatchQueue
    private let waiting = Atomic<Int>(0)
    private let capacity: Int

    init(_ number: Int, capacity: Int, _ connect: @escaping @Sendable () throws(PostgreSQLFailure) -> PostgreSQLConnection) {
        link = PostgreSQLLink(connect)
        thread = DispatchQueue(label: "store.read.\(number)")
        self.capacity = capacity
    }

    var load: Int { waiting.load(ordering: .relaxed) }

    /// - Returns: `busy` when too many wait already.
    func perform<T: Sendable>(
        _ body: @escaping @Sendable (PostgreSQLLink) -> Result<T, StoreError>
    ) async -> Result<T, StoreError> {
        guard load < capacity else { return .failure(.busy) }
        waiting.wrappingAdd(1, ordering: .relaxed)
        return await withCheckedContinuation { continuation in
            thread.async { [self] in
                let result = body(link)
                waiting.wrappingSubtract(1, ordering: .relaxed)
                continuation.resume(returning: result)
            }
        }
    }

    func close() { link.close() }
}
