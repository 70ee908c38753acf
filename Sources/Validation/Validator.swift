package import ACME

/// Proves one challenge from here. Never throws, and never takes longer than the deadline; when it returns, its connections are
/// closing and its questions are withdrawn.
package struct Validator: Sendable {
    private let reach: Reach

    package init(_ reach: Reach) { self.reach = reach }

    package func validate(_ attempt: Attempt) async -> Result<Evidence, Problem> {
        let trail = Trail()
        return await withTaskGroup(of: Result<Evidence, Problem>.self) { group in
            group.addTask { await Self.prove(attempt, over: reach.leaving(trail)) }
            group.addTask {
                guard (try? await Task.sleep(for: reach.deadline)) != nil else {
                    return .failure(Problem(.serverInternal, 503, "The validation was interrupted."))
                }
                let seconds = reach.deadline.components.seconds
                return .failure(
                    Problem(
                        .connection, 400, "Not done within \(seconds) seconds: still \(trail.last). Let the host answer faster."))
            }
            defer { group.cancelAll() }
            return await group.next() ?? .failure(Problem(.serverInternal, 500, "The validation did not begin."))
        }
    }

    private static func prove(_ attempt: Attempt, over reach: Reach) async -> Result<Evidence, Problem> {
        guard let validator = validators(reach).first(where: { type(of: $0).type == attempt.type }) else {
            return .failure(Problem(.serverInternal, 500, "No validator for \(attempt.type.rawValue)."))
        }
        do { return .success(try await validator.evidence(for: attempt)) } catch { return .failure(error) }
    }
}
