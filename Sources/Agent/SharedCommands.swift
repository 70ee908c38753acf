/// Programs that many tasks ask for at once, such as a server's reload after each of many certificates: who asks before a run has begun
/// shares it, who asks later gets the next one, so that each run has seen what its askers did before.
actor SharedCommands {
    /// What `HookProgram` runs programs through; nil: each by itself.
    @TaskLocal static var current: SharedCommands?

    struct Command: Hashable {
        let path: String
        let arguments: [String]
        let environment: [String: String]
    }
    private typealias Run = Task<Result<Void, AgentError>, Never>

    private var last: [Command: Run] = [:]
    private var waiting: [Command: Run] = [:]

    func run(_ command: Command, _ body: @escaping @Sendable () async -> Result<Void, AgentError>) async -> Result<
        Void, AgentError
    > {
        if let shared = waiting[command] { return await shared.value }
        let before = last[command]
        let mine = Run {
            _ = await before?.value
            self.begins(command)
            return await body()
        }
        (waiting[command], last[command]) = (mine, mine)
        return await mine.value
    }

    private func begins(_ command: Command) { waiting[command] = nil }
}
