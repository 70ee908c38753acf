import Foundation

/// Runs programs for tests: arguments as they are, no shell, output to files (a pipe can fill up and stall both sides).
package struct Program: Sendable {
    package struct Outcome: Sendable, CustomStringConvertible {
        package let status: Int32
        package let output: String
        package let errors: String

        package var description: String { "exit \(status)\n\(output)\n\(errors)" }
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(_ description: String) { self.description = description }
    }

    /// The built program `name` that stands beside the running test bundle.
    package static func built(_ name: String) -> String {
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent(name).path
    }

    /// The first of the usual folders that holds `name`, else `name` itself.
    package static func find(_ name: String) -> String {
        if name.contains("/") { return name }
        let folders = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin"]
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) } ?? name
    }

    /// Runs to the end, or for `limit` seconds at most (then it is killed and a failure thrown).
    package static func run(
        _ name: String, _ arguments: [String], environment: [String: String] = [:], input: String? = nil,
        folder: String? = nil, limit: Double = 120
    ) async throws -> Outcome {
        let scratch = try TemporaryFolder()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: find(name))
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
        let (out, err, text) = (scratch.path("out"), scratch.path("err"), scratch.path("in"))
        for file in [out, err] { _ = FileManager.default.createFile(atPath: file, contents: nil) }
        try (input ?? "").write(toFile: text, atomically: false, encoding: .utf8)
        let handles = (FileHandle(forReadingAtPath: text), FileHandle(forWritingAtPath: out), FileHandle(forWritingAtPath: err))
        (process.standardInput, process.standardOutput, process.standardError) = handles
        let ended = AsyncStream<Void>.makeStream()
        process.terminationHandler = { _ in ended.continuation.finish() }
        // Closed by hand: a process keeps them open as long as Foundation keeps it, and a thousand open files make the next run() crash.
        defer { for handle in [handles.0, handles.1, handles.2] { try? handle?.close() } }
        try start(process)
        let pid = process.processIdentifier
        let inTime = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await _ in ended.stream {}
                return true
            }
            group.addTask {
                try? await Task.sleep(for: .seconds(limit))
                return false
            }
            let first = await group.next() ?? false
            if !first { kill(pid, SIGKILL) }
            group.cancelAll()
            return first
        }
        let outcome = Outcome(
            status: inTime ? process.terminationStatus : -1,
            output: (try? String(contentsOfFile: out, encoding: .utf8)) ?? "",
            errors: (try? String(contentsOfFile: err, encoding: .utf8)) ?? "")
        guard inTime else { throw Failure("\(name) did not end within \(limit) s: \(outcome)") }
        return outcome
    }

    /// Like `run`, and throws unless the program ends with 0.
    @discardableResult
    package static func succeed(
        _ name: String, _ arguments: [String], environment: [String: String] = [:], input: String? = nil,
        folder: String? = nil, limit: Double = 120
    ) async throws -> String {
        let outcome = try await run(
            name, arguments, environment: environment, input: input, folder: folder, limit: limit)
        guard outcome.status == 0 else {
            throw Failure("\(name) \(arguments.joined(separator: " ")): \(outcome)")
        }
        return outcome.output
    }
}

/// Starts it with no signal blocked: the threads that tests run on block them, and what they start would inherit that.
func start(_ process: Process) throws {
    var (none, before) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    try process.run()
}

/// A program that runs until it is told to end; its output is kept in a file.
package final class RunningProgram: @unchecked Sendable {
    private let process = Process()
    package let log: String

    /// - Parameter log: the file that takes standard output and standard error; made anew.
    package init(_ name: String, _ arguments: [String], environment: [String: String] = [:], log: String) throws {
        self.log = log
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.executableURL = URL(fileURLWithPath: Program.find(name))
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let handle = FileHandle(forWritingAtPath: log)
        process.standardOutput = handle
        process.standardError = handle
        process.standardInput = FileHandle.nullDevice
        try start(process)
    }

    // With its workers: Foundation gives each program a process group of its own.
    deinit { if process.isRunning { kill(-process.processIdentifier, SIGKILL) } }

    package var output: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
    package var isRunning: Bool { process.isRunning }
    package var pid: Int32 { process.processIdentifier }

    /// Waits until the output holds `text`; throws when the program ends first or after `limit` seconds.
    package func printed(_ text: String, limit: Double = 60) async throws {
        try await eventually("\(text) in the output of \(log)", limit: limit) {
            if self.output.contains(text) { return true }
            guard self.isRunning else { throw Program.Failure("ended early:\n\(self.output)") }
            return false
        }
    }

    package func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// Asks it to end and returns its exit status.
    @discardableResult
    package func stop(_ number: Int32 = SIGTERM) async throws -> Int32 {
        signal(number)
        return try await ended()
    }

    /// Waits for its end and returns its exit status, or the number of the signal that ended it.
    package func ended(limit: Double = 60) async throws -> Int32 {
        try await eventually("end of \(log)", limit: limit) { !self.isRunning }
        return process.terminationStatus
    }
}

/// Waits for a condition that another process brings about; throws after `limit` seconds.
package func eventually(_ what: String, limit: Double = 30, _ holds: () async throws -> Bool) async throws {
    let end = ContinuousClock.now.advanced(by: .seconds(limit))
    while try await !holds() {
        guard ContinuousClock.now < end else { throw Program.Failure("waited \(limit) s in vain for: \(what)") }
        try await Task.sleep(for: .milliseconds(25))
    }
}
