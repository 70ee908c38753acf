package import ACME

/// Proves one challenge from here. Never throws, and never takes longer than the deadline; when it returns, its connections are
/// closing and its questions are withdrawn.
package struct Validator: Sendable {
    private let reach: Reach

    package init(_ reach: Reach) { self.reach = reach }

    package func validate(_ attempt: Attempt) async -> Result<Evidence, Problem> {
        let trail = Trail()
        let query = Task.immediate(executorPreference: presentExecutor) { await Self.prove(attempt, over: reach.leaving(trail)) }
        let alarm = reach.deadlines.after(reach.deadline) {
            trail.end()
            query.cancel()
        }
        defer { alarm.callOff() }
        let result = await withTaskCancellationHandler {
            await query.value
        } onCancel: {
            query.cancel()
        }
        guard case .failure = result else { return result }
        if let last = trail.overdueAt {
            let seconds = reach.deadline.components.seconds
            return .failure(
                Problem(.connection, 400, "Not done within \(seconds) seconds: still \(last). Let the host answer faster."))
        }
        return Task.isCancelled ? .failure(Problem(.serverInternal, 503, "The validation was interrupted.")) : result
    }

    private static func prove(_ attempt: Attempt, over reach: Reach) async -> Result<Evidence, Problem> {
        guard let validator = validators(reach).first(where: { type(of: $0).type == attempt.type }) else {
            return .failure(Problem(.serverInternal, 500, "No validator for \(attempt.type.rawValue)."))
        }
        do { return .success(try await validator.evidence(for: attempt)) } catch { return .failure(error) }
    }
}
