import Foundation

/// A real BIND on loopback that is primary of the zones of a test, and resolves for whoever asks; it ends with its last reference.
package final class Bind: Sendable {
    package static let isInstalled = FileManager.default.isExecutableFile(atPath: Program.find("named"))
    /// Of 127.0.0.1.
    package let port: Int
    package var address: String { "127.0.0.1:\(port)" }
    private let folder: TemporaryFolder
    private let named: RunningProgram

    /// - Parameters:
    ///   - folder: where its files lie, the zones' among them.
    ///   - onIPv6: whether it listens on ::1 too.
    ///   - zones: `zone` and `view` clauses of named.conf.
    package init(in folder: TemporaryFolder, onIPv6: Bool = false, _ zones: String) async throws {
        self.folder = folder
        port = try freePort()
        let configuration = try folder.write(
            "named.conf",
            """
            options {
              directory "\(folder.path)"; pid-file "\(folder.path("named.pid"))"; session-keyfile "\(folder.path("session.key"))";
              listen-on port \(port) { 127.0.0.1; }; listen-on-v6 \(onIPv6 ? "port \(port) { ::1; }" : "{ none; }");
              recursion yes; allow-query { any; }; dnssec-validation no; notify no; empty-zones-enable no;
            };
            controls { };
            \(zones)

            """)
        named = try RunningProgram("named", ["-c", configuration, "-f", "-g"], log: folder.path("log"))
        try await named.printed("all zones loaded")
        try await named.printed("running")
    }

    deinit { named.signal(SIGKILL) }
}
