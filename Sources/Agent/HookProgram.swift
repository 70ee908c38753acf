import Foundation

#if canImport(Glibc)
    // Which of the two `stat` belongs to depends on what the compiler loads first.
    import CoreFoundation
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Programs of the operator's, run without a shell. Their output goes to standard error, so that ours stays ours.
enum HookProgram {
    /// - Throws: `needsPerson` if it cannot be run; if we are root, also if others could change it.
    static func check(_ path: String) throws(AgentError) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw .needsPerson("The program \(path) is not there: \(Files.reason())") }
        guard status.st_mode & S_IFMT == S_IFREG, access(path, X_OK) == 0 else {
            throw .needsPerson("\(path) is no executable file.")
        }
        guard geteuid() != 0 || status.st_mode & 0o002 == 0 else {
            throw .needsPerson("\(path) may be written by everybody, and would be run as root: chmod o-w it.")
        }
    }

    /// Waits for its end, for ten minutes at most. Cancellation does not reach it: half-run programs leave things behind.
    /// - Throws: `failed` unless it ends with 0.
    static func run(_ path: String, _ arguments: [String], environment: [String: String]) async throws(AgentError) {
        try check(path)
        guard let shared = SharedCommands.current else { return try await start(path, arguments, environment) }
        let command = SharedCommands.Command(path: path, arguments: arguments, environment: environment)
        try await shared.run(command) {
            do throws(AgentError) { return .success(try await start(path, arguments, environment)) } catch {
                return .failure(error)
            }
        }.get()
    }

    private static func start(
        _ path: String, _ arguments: [String], _ environment: [String: String]
    ) async throws(AgentError) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
            .filter { $0.key != "CHANCERY_EAB_HMAC_KEY" }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.standardError
        let ended = AsyncStream<Void>.makeStream()
        process.terminationHandler = { _ in ended.continuation.finish() }
        do { try start(process) } catch { throw .needsPerson("The program \(path) cannot be run: \(error.localizedDescription)") }
        let pid = process.processIdentifier
        let inTime = await Task {
            await withTaskGroup(of: Bool.self) { group in
                group.addTask {
                    for await _ in ended.stream {}
                    return true
                }
                group.addTask {
                    guard (try? await Task.sleep(for: .seconds(600))) != nil else { return true }
                    kill(pid, SIGKILL)
                    return false
                }
                let first = await group.next() ?? true
                group.cancelAll()
                return first
            }
        }.value
        guard inTime else { throw .failed("The program \(path) did not end within ten minutes and was killed.") }
        process.waitUntilExit()
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            let how = process.terminationReason == .exit ? "exit status" : "signal"
            throw .failed("The program \(path) \(arguments.first ?? "") failed with \(how) \(process.terminationStatus).")
        }
    }

    /// With no signal blocked: our threads may block them, and a server that the program restarts would never hear a SIGTERM.
    private static func start(_ process: Process) throws {
        var (none, before) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try process.run()
    }
}
