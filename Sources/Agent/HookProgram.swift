import Foundation
import Synchronization

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
        let reaped = Ending()
        process.terminationHandler = { process in
            reaped.value =
                process.terminationReason == .exit ? .exit(process.terminationStatus) : .signal(process.terminationStatus)
        }
        do { try start(process) } catch { throw .needsPerson("The program \(path) cannot be run: \(error.localizedDescription)") }
        let pid = process.processIdentifier
        guard let end = await Task(operation: { await end(of: pid, reaped, within: .seconds(600)) }).value else {
            kill(pid, SIGKILL)
            throw .failed("The program \(path) did not end within ten minutes and was killed.")
        }
        guard end == .exit(0) else {
            let how =
                switch end {
                case .exit(let status): "exit status \(status)"
                case .signal(let number): "signal \(number)"
                }
            throw .failed("The program \(path) \(arguments.first ?? "") failed with \(how).")
        }
    }

    private enum End: Equatable { case exit(Int32), signal(Int32) }

    /// How a process ended, once Foundation knows.
    private final class Ending: Sendable {
        private let state = Mutex<End?>(nil)
        var value: End? {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
    }

    /// Looks by itself, for Foundation waits until nobody has the files open that it gave to the process: a program that starts a server
    /// which goes into the background would never end.
    /// - Returns: nil if it has not ended by then.
    private static func end(of pid: pid_t, _ reaped: Ending, within limit: Duration) async -> End? {
        let clock = ContinuousClock()
        let last = clock.now + limit
        var pause = Duration.milliseconds(2)
        while clock.now < last {
            if let end = reaped.value { return end }
            var info = siginfo_t()
            // Left to be reaped by Foundation.
            if waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0, info.si_signo == SIGCHLD {
                #if canImport(Glibc)
                    let status = info._sifields._sigchld.si_status
                #elseif canImport(Darwin)
                    let status = info.si_status
                #endif
                return info.si_code == Int32(CLD_EXITED) ? .exit(status) : .signal(status)
            }
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(100))
        }
        return nil
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
