import Foundation
import TestSupport

/// A real nginx that answers every http-01 token for one account: the key authorization needs only the key's thumbprint.
final class StatelessResponder: Sendable {
    private let folder: TemporaryFolder
    private let nginx: RunningProgram

    init(port: Int, thumbprint: String) async throws {
        let folder = try TemporaryFolder()
        self.folder = folder
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(folder.path($0));" }
        let file = try folder.write(
            "nginx.conf",
            """
            pid \(folder.path("pid")); error_log \(folder.path("error.log")); worker_processes 1; user root;
            events {}
            http {
              access_log off; \(temporary.joined(separator: " "))
              server {
                listen 127.0.0.1:\(port);
                location ~ "^/.well-known/acme-challenge/([-_A-Za-z0-9]+)$" { return 200 "$1.\(thumbprint)"; }
              }
            }

            """)
        nginx = try RunningProgram("nginx", ["-c", file, "-g", "daemon off;"], log: folder.path("log"))
        try await eventually("nginx on port \(port)") {
            try await Program.run("curl", ["-s", "http://127.0.0.1:\(port)/"]).status == 0
        }
    }

    deinit { nginx.signal(SIGTERM) }
}
