import Foundation
import TestSupport

/// A real nginx on loopback: a webroot on one port and, once there is a certificate, TLS on another.
final class WebServer: @unchecked Sendable {
    let folder: TemporaryFolder
    let port: Int
    let tlsPort: Int
    private let nginx: RunningProgram

    init(port: Int) async throws {
        folder = try TemporaryFolder()
        self.port = port
        tlsPort = try freePort()
        try FileManager.default.createDirectory(atPath: folder.path("site"), withIntermediateDirectories: true)
        let file = folder.path("nginx.conf")
        try Self.configuration(folder, port: port, tls: "").write(toFile: file, atomically: true, encoding: .utf8)
        nginx = try RunningProgram("nginx", ["-c", file, "-g", "daemon off;"], log: folder.path("log"))
        try await eventually("nginx on port \(port)") {
            try await Program.run("curl", ["-s", "http://127.0.0.1:\(port)/"]).status == 0
        }
    }

    deinit { nginx.signal(SIGTERM) }

    var webroot: String { folder.path("site") }

    /// Serves TLS with a certificate and key from now on.
    func serve(certificate: String, key: String) async throws {
        let tls = "server { listen 127.0.0.1:\(tlsPort) ssl; ssl_certificate \(certificate); ssl_certificate_key \(key); }"
        try Self.configuration(folder, port: port, tls: tls)
            .write(toFile: folder.path("nginx.conf"), atomically: true, encoding: .utf8)
        nginx.signal(SIGHUP)
    }

    /// The serial that is served to `name`, when openssl accepts the whole chain under `root`; else nil.
    func servedSerial(_ name: String, root: String) async throws -> String? {
        let session = try await Program.run(
            "openssl",
            [
                "s_client", "-connect", "127.0.0.1:\(tlsPort)", "-servername", name, "-CAfile", root, "-verify_hostname", name,
                "-verify_return_error",
            ])
        guard session.status == 0 else { return nil }
        return try await Program.run("openssl", ["x509", "-noout", "-serial"], input: session.output).output
    }

    private static func configuration(_ folder: TemporaryFolder, port: Int, tls: String) -> String {
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(folder.path($0));" }
        return """
            pid \(folder.path("pid")); error_log \(folder.path("error.log")); worker_processes 1; user root;
            events {}
            http {
              access_log \(folder.path("access.log")); \(temporary.joined(separator: " "))
              server { listen 127.0.0.1:\(port); root \(folder.path("site")); }
              \(tls)
            }

            """
    }
}
