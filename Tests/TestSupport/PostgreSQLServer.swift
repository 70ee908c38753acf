import Foundation
import Glibc
import Synchronization

/// A PostgreSQL of the tests' own: Debian's programs, a private folder, a socket in it. It ends with the process that started it,
/// whatever ends that: a watching shell reads from a pipe that only this process holds open.
package final class PostgreSQLServer: Sendable {
    /// Where Debian keeps them.
    package static let programs = ["15", "16", "17", "14"].map { "/usr/lib/postgresql/\($0)/bin" }
        .first { FileManager.default.isExecutableFile(atPath: $0 + "/postgres") }

    /// One for the whole test process, made when first asked for.
    package static func shared() async throws -> PostgreSQLServer { try await keeper.server() }
    private static let keeper = Keeper()

    private actor Keeper {
        private var starting: Task<PostgreSQLServer, any Error>?
        func server() async throws -> PostgreSQLServer {
            let task = starting ?? Task { try await PostgreSQLServer() }
            starting = task
            return try await task.value
        }
    }

    /// Holds the socket, the log and the data.
    package let folder: String
    package let port: Int
    /// The database's superuser.
    package let user: String
    private let command: [String]
    private let watch = Mutex<(pipe: Int32, watcher: Process)?>(nil)

    /// Starts a server and returns when it takes connections.
    /// - Parameters:
    ///   - settings: lines for postgresql.conf.
    ///   - locale: of the cluster.
    ///   - address: to listen on for TCP too, at a free port.
    ///   - access: lines in place of pg_hba.conf.
    ///   - prepare: called between initdb and the start, with the data folder.
    package init(
        settings: [String] = [], locale: String = "C.UTF-8", listening address: String? = nil, access: [String] = [],
        prepare: (String) async throws -> Void = { _ in }
    ) async throws {
        guard let programs = Self.programs else { throw Program.Failure("PostgreSQL is missing; script/install test brings it") }
        // Socket paths are short, and memory does not wait for a disk. The server syncs all the same.
        let root = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : "/tmp"
        let folder = "\(root)/cpg-\(UUID().uuidString.prefix(8))"
        self.folder = folder
        let isRoot = geteuid() == 0
        user = "postgres"
        port = try address.map { try freePort($0) } ?? 5432
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        // PostgreSQL refuses to run as root.
        if isRoot { try await Program.succeed("chown", ["postgres", folder]) }
        let identity = isRoot ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : []
        let data = folder + "/data"
        let initdb =
            identity + [
                "\(programs)/initdb", "-D", data, "-U", user, "-A", "trust", "-E", "UTF8", "--locale=\(locale)", "--no-sync",
            ]
        try await Program.succeed(initdb[0], Array(initdb.dropFirst()), folder: folder)
        let configuration =
            [
                "listen_addresses = '\(address ?? "")'", "unix_socket_directories = '\(folder)'", "port = \(port)",
                "max_connections = 400", "shared_buffers = 32MB", "max_wal_size = 256MB", "autovacuum_naptime = 10s",
            ] + settings
        try Self.append(configuration, to: data + "/postgresql.conf")
        if !access.isEmpty {
            try (access.joined(separator: "\n") + "\n").write(toFile: data + "/pg_hba.conf", atomically: false, encoding: .utf8)
        }
        try await prepare(data)

        command = identity + ["\(programs)/postgres", "-D", data]
        try await startAgain()
    }

    deinit { stop() }

    /// Without warning, and removes its folder; returns at once.
    package func stop() {
        watch.withLock { watch in
            if let watch { close(watch.pipe) }
            watch = nil
        }
    }

    /// Without warning; its data stay. Returns when nothing of it runs any more.
    package func crash() async throws {
        _ = FileManager.default.createFile(atPath: folder + "/keep", contents: nil)
        let watcher = watch.withLock { $0?.watcher }
        stop()
        try await eventually("the end of PostgreSQL in \(folder)", limit: 60) { watcher?.isRunning != true }
        try FileManager.default.removeItem(atPath: folder + "/keep")
    }

    /// Starts it, for the first time or after a crash, and returns when it takes connections.
    package func startAgain() async throws {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { throw Program.Failure("no pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let watcher = Process()
        watcher.executableURL = URL(fileURLWithPath: "/bin/sh")
        watcher.arguments = ["-c", Self.watching, "watch", folder] + command
        let reading = FileHandle(fileDescriptor: ends[0], closeOnDealloc: false)
        watcher.standardInput = reading
        watcher.standardOutput = FileHandle.nullDevice
        watcher.standardError = FileHandle.nullDevice
        try start(watcher)
        close(ends[0])
        watch.withLock { $0 = (ends[1], watcher) }
        try await waitUntilReady()
    }

    private static let watching = """
        folder=$1; shift; trap '' INT TERM HUP
        "$@" >>"$folder/log" 2>&1 & server=$!
        read -r none
        kill -QUIT $server 2>/dev/null; wait $server; [ -e "$folder/keep" ] || rm -rf "$folder"
        """

    private static func append(_ lines: [String], to file: String) throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data((lines.joined(separator: "\n") + "\n").utf8))
        try handle.close()
    }

    /// The eighth line of its file says so.
    package func waitUntilReady() async throws {
        try await eventually("a PostgreSQL that takes connections; log: \(folder)/log", limit: 60) {
            let file = (try? String(contentsOfFile: folder + "/data/postmaster.pid", encoding: .utf8)) ?? ""
            let lines = file.split(separator: "\n", omittingEmptySubsequences: false)
            return lines.count > 7 && lines[7].hasPrefix("ready")
        }
    }

    /// The postmaster's.
    package var process: Int32? {
        (try? String(contentsOfFile: folder + "/data/postmaster.pid", encoding: .utf8))?.split(separator: "\n").first.flatMap {
            Int32($0)
        }
    }

    /// Over the socket, as the superuser.
    /// - Parameter schema: a new one of its own; nil: the database's usual ones.
    package func url(database: String = "postgres", schema: String? = nil, user: String? = nil) -> String {
        let path = schema.map { "&options=-csearch_path%3D\($0)" } ?? ""
        return
            "postgresql:///\(database)?host=\(folder.replacingOccurrences(of: "/", with: "%2F"))&user=\(user ?? self.user)&port=\(port)\(path)"
    }

    private let made = Atomic<Int>(0)

    /// A URL under which nothing is yet: a schema, which costs a hundredth of a database.
    package func emptySchema() async throws -> String {
        let name = "s\(made.wrappingAdd(1, ordering: .relaxed).newValue)"
        try await run("CREATE SCHEMA \(name)")
        return url(schema: name)
    }

    /// Runs SQL through psql.
    /// - Returns: what it prints: rows, one a line, columns between bars.
    @discardableResult
    package func run(_ sql: String, database: String = "postgres") async throws -> String {
        guard let programs = Self.programs else { throw Program.Failure("PostgreSQL is missing") }
        return try await Program.succeed(
            "\(programs)/psql",
            ["-XAtq", "-v", "ON_ERROR_STOP=1", "-h", folder, "-p", "\(port)", "-U", user, "-d", database, "-c", sql])
    }
}
