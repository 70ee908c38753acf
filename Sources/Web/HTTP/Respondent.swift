/// What follows from a request: an answer, or the work that leads to one.
enum Step: Sendable {
    case now(Answer)
    case later(@Sendable () async -> Answer)
}

/// The site as a connection sees it.
struct Respondent: Sendable {
    /// Called on the event loop, so it must not take long. The second parameter is how far that loop is behind.
    let respond: @Sendable (Received, Duration) -> Step
    /// Makes the answer to a request that the connection refuses. `Received` is empty but for its peer when no header could be read.
    let refusal: @Sendable (Fault, Received) -> Answer
}
