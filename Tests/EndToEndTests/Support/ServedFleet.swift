import Foundation
import TestSupport

/// One nginx that serves many names, each with a certificate that `chancery` keeps, and clients that shake hands with it all the time.
final class ServedFleet: Sendable {
    struct Load: Decodable {
        let handshakes: Int
        let failed: Int
        let failures: [String]
        /// How many different certificates were seen.
        let serials: Int
        let slowest: Double
    }

    let folder: TemporaryFolder
    let names: [String]
    let tlsPort: Int
    private let webPorts: [Int]
    private let nginx: RunningProgram

    /// - Parameter webPorts: where authorities look for answers to http-01.
    init(_ count: Int, webPorts: [Int]) async throws {
        folder = try TemporaryFolder()
        names = (0..<count).map { "n\($0).localhost" }
        (tlsPort, self.webPorts) = (try freePort(), webPorts)
        try FileManager.default.createDirectory(atPath: folder.path("site"), withIntermediateDirectories: true)
        try folder.write("site/index.html", "It works.\n")
        // Certificates by name at each handshake, until there are some.
        try folder.write(
            "nginx.conf",
            Self.configuration(folder, webPorts, "ssl_certificate \(folder.path("store/served/$ssl_server_name"))", tlsPort))
        nginx = try RunningProgram(
            "nginx", ["-c", folder.path("nginx.conf"), "-g", "daemon off;"], log: folder.path("nginx.out"))
        let port = webPorts[0]
        let pid = folder.path("pid")
        try await eventually("nginx on port \(port)") {
            try await Program.run("curl", ["-s", "http://127.0.0.1:\(port)/"]).status == 0
                && FileManager.default.fileExists(atPath: pid)
        }
    }

    deinit { nginx.signal(SIGTERM) }

    /// Each name in a server of its own, as one writes it by hand, from now on.
    func serveEachByItself() async throws {
        let servers = names.map { name in
            """
            server { listen 127.0.0.1:\(tlsPort) ssl; server_name \(name); root \(folder.path("site"));
              ssl_certificate \(folder.path("store/served/\(name)/fullchain.pem")); ssl_certificate_key \(folder.path("store/served/\(name)/privkey.pem")); }
            """
        }
        try folder.write("nginx.conf", Self.configuration(folder, webPorts, servers: servers.joined(separator: "\n")))
        try await Program.succeed("nginx", ["-c", folder.path("nginx.conf"), "-s", "reload"])
    }

    func chancery(_ arguments: [String], limit: Double = 600) async throws -> Program.Outcome {
        try await Program.run(Program.built("chancery"), arguments + ["--store", folder.path("store")], limit: limit)
    }

    /// A certificate for each name, put to use.
    func issue(ca: String, root: String, _ more: [String] = []) async throws {
        for name in names {
            let outcome = try await chancery(
                [
                    "issue", "--ca", ca, "--ca-root", root, "-d", name, "--webroot", folder.path("site"), "--agree-tos",
                    "--no-preflight", "--install", "nginx:config=\(folder.path("nginx.conf")),verify=127.0.0.1:\(tlsPort)",
                ] + more)
            guard outcome.status == 0 else { throw Program.Failure("\(name): \(outcome)") }
        }
    }

    /// - Parameter roots: PEM texts, of which each certificate must lead to one.
    func load(_ roots: [String]) async throws -> RunningProgram {
        let file = try folder.write("roots.pem", roots.joined(separator: "\n"))
        let load = try RunningProgram(
            "python3", [Tools.script("tls_load.py"), "\(tlsPort)", file, "3", "0.02"] + names, log: folder.path("load"))
        try await load.printed("working")
        return load
    }

    func end(_ load: RunningProgram) async throws -> Load {
        _ = try await load.stop()
        let line = load.output.split(separator: "\n").last.map(String.init) ?? ""
        return try JSONDecoder().decode(Load.self, from: Data(line.utf8))
    }

    /// The directory URLs of the authorities that certificates came from, by name.
    func authorities() async throws -> [String: String] {
        struct Listed: Decodable {
            let name: String
            let ca: String
            let served: Bool
        }
        let listed = try JSONDecoder().decode(
            [Listed].self, from: Data(try await chancery(["list", "--json"]).output.utf8))
        return Dictionary(uniqueKeysWithValues: listed.map { ($0.name, $0.served ? $0.ca : "not served") })
    }

    private static func configuration(_ folder: TemporaryFolder, _ web: [Int], _ certificate: String, _ tls: Int) -> String {
        let key = certificate.replacingOccurrences(of: "ssl_certificate ", with: "ssl_certificate_key ")
        return configuration(
            folder, web,
            servers:
                "server { listen 127.0.0.1:\(tls) ssl; root \(folder.path("site")); \(certificate)/fullchain.pem; \(key)/privkey.pem; }"
        )
    }

    private static func configuration(_ folder: TemporaryFolder, _ web: [Int], servers: String) -> String {
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(folder.path($0));" }
        let listens = web.map { "listen 127.0.0.1:\($0);" }.joined(separator: " ")
        return """
            pid \(folder.path("pid")); error_log \(folder.path("error.log")); worker_processes 1; user root;
            events {}
            http {
              access_log off; server_names_hash_max_size 4096; server_names_hash_bucket_size 128; \(temporary.joined(separator: " "))
              server { \(listens) root \(folder.path("site")); }
              \(servers)
            }

            """
    }
}
