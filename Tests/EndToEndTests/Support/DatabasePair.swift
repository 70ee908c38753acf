import Foundation
import TestSupport

/// A real PostgreSQL and its synchronous standby, each on a folder and socket of its own, as docs/high-availability.md sets them up.
final class DatabasePair: Sendable {
    let primary: PostgreSQLServer
    let standby: PostgreSQLServer

    init() async throws {
        let primary = try await PostgreSQLServer(settings: ["synchronous_commit = on"])
        let standby = try await PostgreSQLServer { data in try await Self.copy(of: primary, to: data) }
        // From now on the primary acknowledges only what the standby has on disk too.
        try await primary.run("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        try await primary.run("SELECT pg_reload_conf()")
        try await eventually("a synchronous standby") {
            try await primary.run("SELECT sync_state FROM pg_stat_replication").contains("sync")
        }
        (self.primary, self.standby) = (primary, standby)
    }

    /// Both; libpq goes to the one that takes writes.
    var url: String {
        let hosts = [primary, standby].map { $0.folder.replacingOccurrences(of: "/", with: "%2F") }.joined(separator: ",")
        return "postgresql:///postgres?host=\(hosts)&user=\(primary.user)&target_session_attrs=read-write"
    }

    /// The postmaster and everything that it started, at once, without warning.
    func killPrimary() async throws {
        guard let postmaster = primary.process else { throw Program.Failure("there is no primary") }
        kill(postmaster, SIGKILL)
        for child in Self.children(of: postmaster) { kill(child, SIGKILL) }
        try await eventually("the primary's end") { kill(postmaster, 0) != 0 || Self.isDead(postmaster) }
    }

    func promote() async throws { try await standby.run("SELECT pg_promote()") }

    /// In place of the cluster that was made there.
    private static func copy(of primary: PostgreSQLServer, to data: String) async throws {
        guard let programs = PostgreSQLServer.programs else { throw Program.Failure("PostgreSQL is missing") }
        let folder = URL(fileURLWithPath: data).deletingLastPathComponent().path
        try FileManager.default.removeItem(atPath: data)
        let identity = geteuid() == 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : []
        let command =
            identity + [
                "\(programs)/pg_basebackup", "-D", data, "-h", primary.folder, "-U", primary.user, "-X", "stream",
                "--checkpoint=fast",
                "--no-sync",
            ]
        try await Program.succeed(command[0], Array(command.dropFirst()), folder: folder)
        let settings = """
            unix_socket_directories = '\(folder)'
            primary_conninfo = 'host=\(primary.folder) user=\(primary.user) application_name=standby'
            synchronous_standby_names = ''

            """
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: data + "/postgresql.conf"))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(settings.utf8))
        try handle.close()
        _ = FileManager.default.createFile(atPath: data + "/standby.signal", contents: nil)
    }

    private static func children(of parent: Int32) -> [Int32] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return all.compactMap { Int32($0) }.filter { fields(of: $0).map { $0.parent == parent } ?? false }
    }

    private static func isDead(_ process: Int32) -> Bool { fields(of: process).map { $0.state == "Z" } ?? true }

    /// Of /proc/PID/stat, what stands behind the program's name.
    private static func fields(of process: Int32) -> (state: Substring, parent: Int32)? {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8), let end = text.lastIndex(of: ")")
        else { return nil }
        let words = text[text.index(after: end)...].split(separator: " ")
        guard words.count > 1, let parent = Int32(words[1]) else { return nil }
        return (words[0], parent)
    }
}
