internal import ACME
internal import NIOHTTP1
internal import Synchronization

/// The answer of a server that has more to do than it can: 503, made beforehand but for its nonce. `Retry-After` varies from one to the next,
/// so that those who were sent away together do not come back together.
final class Overloaded: Sendable {
    private static let waits = [3, 7, 5, 9, 4, 8, 6, 10]
    private let answers: [Answer]
    private let turn = Atomic(0)

    /// - Parameter standing: the fields that every answer of the listener carries.
    init(_ standing: [UInt8]) {
        answers = Self.waits.map { seconds in
            var answer = Answer(
                Problem(.serverInternal, 503, "The server has more to do than it can; please try again in \(seconds) s."))
            let fields = answer.headers.map { "\($0.name): \($0.value)\r\n" }.joined()
            answer.standing = standing + Array((fields + "Retry-After: \(seconds)\r\nCache-Control: no-store\r\n").utf8)
            answer.headers = [:]
            return answer
        }
    }

    func next() -> Answer { answers[turn.wrappingAdd(1, ordering: .relaxed).newValue & (answers.count - 1)] }
}
