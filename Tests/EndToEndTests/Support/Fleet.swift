import Foundation
import TestSupport

/// Several built `chanceryd` on one database, each with a folder of its own that holds the same authority, and a real proxy in front.
final class Fleet: @unchecked Sendable {
    struct Member: Sendable {
        let data: String
        let port: Int
        let httpPort: Int
        let server: RunningProgram
    }
    let folder: TemporaryFolder
    let names: NameServer
    let http01Port: Int
    /// Where the proxy listens.
    let front: Int
    private let httpFront: Int
    private let database: String
    private let flags: [String]
    private let ports: [(https: Int, http: Int)]
    private(set) var members: [Member] = []
    private var proxy: RunningProgram?

    /// - Parameters:
    ///   - database: of a PostgreSQL on which nothing is yet.
    ///   - flags: of `serve`, beside those that every test needs.
    init(_ count: Int = 3, database: String, flags: [String] = []) async throws {
        folder = try TemporaryFolder()
        names = try await NameServer()
        (http01Port, front, httpFront) = try (freePort(), freePort(), freePort())
        ports = try (0..<count).map { _ in try (freePort(), freePort()) }
        (self.database, self.flags) = (database, flags)
        // The first makes the authority; the others get copies of its folder, as the documentation says.
        members = [try await start(0)]
        for number in 1..<count {
            try await Program.succeed("cp", ["-a", data(0), data(number)])
            for own in ["tls.pem", "chanceryd.lock"] { unlink("\(data(number))/\(own)") }
            members.append(try await start(number))
        }
        try await stand(behind: .nginx)
    }

    deinit {
        for member in members {
            member.server.signal(SIGCONT)
            member.server.signal(SIGKILL)
        }
        proxy?.signal(SIGTERM)
    }

    var root: String { "\(data(0))/root.pem" }
    var external: String { "https://127.0.0.1:\(front)" }
    var directory: String { "\(external)/acme/default/directory" }

    func data(_ number: Int) -> String { folder.path("ca\(number)") }

    /// What `serve` is told, for tests that start a server of their own.
    func arguments(data: String, port: Int, httpPort: Int, flags: [String] = []) -> [String] {
        [
            "serve", "--data", data, "--listen", "127.0.0.1:\(port)", "--http-listen", "127.0.0.1:\(httpPort)",
            "--http01-port", "\(http01Port)", "--allow-address", "127.0.0.0/8", "--resolver", names.address,
            "--external-url", external, "--set", "http-external-url=http://127.0.0.1:\(httpFront)", "--database", database,
        ] + self.flags + flags
    }

    private func start(_ number: Int) async throws -> Member {
        let (port, httpPort) = ports[number]
        let server = try RunningProgram(
            Program.built("chanceryd"), arguments(data: data(number), port: port, httpPort: httpPort),
            log: folder.path("server\(number).log"))
        // The first one makes keys, which is slow on purpose.
        try await server.printed("Ready:", limit: 180)
        return Member(data: data(number), port: port, httpPort: httpPort, server: server)
    }

    /// Stops one and starts it again.
    /// - Returns: what the stopped one ended with.
    @discardableResult
    func restart(_ number: Int, by signal: Int32 = SIGTERM) async throws -> Int32 {
        let status = try await members[number].server.stop(signal)
        try? FileManager.default.moveItem(
            atPath: folder.path("server\(number).log"), toPath: folder.path("server\(number)-\(UUID().uuidString).log"))
        members[number] = try await start(number)
        return status
    }

    /// All log lines of all members, of those that have ended too.
    var logs: [Substring] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasPrefix("server") }.flatMap { file in
            ((try? String(contentsOfFile: folder.path(file), encoding: .utf8)) ?? "").split(separator: "\n")
        }
    }

    /// Serials of all certificates, or of the revoked ones, as `certificate list --json` tells them.
    func serials(_ flags: String...) async throws -> [String] {
        let text = try await Program.succeed(
            Program.built("chanceryd"), ["certificate", "list", "--json", "--data", data(0), "--database", database] + flags)
        let parsed = try JSONSerialization.jsonObject(with: Data(text.utf8))
        let list = parsed as? [[String: Any]] ?? (parsed as? [String: Any])?["certificates"] as? [[String: Any]] ?? []
        return list.compactMap { ($0["serial"] as? String)?.uppercased() }
    }

    /// Puts a proxy in front, in place of the one that is there.
    /// - Parameter chosen: the members that it knows; nil: all.
    func stand(behind kind: Proxy, _ chosen: [Int]? = nil) async throws {
        try await proxy?.stop(SIGTERM)
        let members = (chosen ?? Array(ports.indices)).map { ports[$0] }
        let file = try folder.write(
            "\(kind).conf", kind.configuration(folder, https: front, http: httpFront, members: members))
        // The certificate that the first server issued itself; any that clients trust would do.
        try await Program.succeed("cp", ["\(data(0))/tls.pem", folder.path("proxy.pem")])
        proxy = try RunningProgram("\(kind)", kind.arguments(file), log: folder.path("\(kind).log"))
        try await eventually("\(kind) on port \(front)") {
            let asked = try await Program.run(
                "curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", root, "\(external)/readyz"])
            return asked.output == "200"
        }
    }
}

/// Debian's, with the configurations of docs/high-availability.md on ports of loopback.
enum Proxy: String, Sendable, CaseIterable {
    /// Passes TCP through and asks `/readyz`.
    case haproxy
    /// Ends TLS, and opens a connection to a server for each request.
    case nginx

    func arguments(_ file: String) -> [String] {
        switch self {
        case .haproxy: ["-db", "-f", file]
        case .nginx: ["-c", file, "-g", "daemon off;"]
        }
    }

    func configuration(_ folder: TemporaryFolder, https: Int, http: Int, members: [(https: Int, http: Int)]) -> String {
        switch self {
        case .haproxy: Self.haproxy(https: https, http: http, members)
        case .nginx: Self.nginx(folder, https: https, http: http, members)
        }
    }

    private static func haproxy(https: Int, http: Int, _ members: [(https: Int, http: Int)]) -> String {
        func servers(_ line: ((https: Int, http: Int)) -> String) -> String {
            members.enumerated().map { "    server ca\($0) \(line($1))" }.joined(separator: "\n")
        }
        return """
            defaults
                mode tcp
                balance roundrobin
                timeout connect 2s
                timeout client 1m
                timeout server 1m
                timeout check 2s
                option httpchk GET /readyz
                option redispatch
                retries 3
                default-server check inter 250ms fall 1 rise 1

            frontend acme
                bind 127.0.0.1:\(https)
                default_backend acme
            backend acme
            \(servers { "127.0.0.1:\($0.https) check-ssl verify none" })

            frontend lists
                bind 127.0.0.1:\(http)
                default_backend lists
            backend lists
            \(servers { "127.0.0.1:\($0.http)" })

            """
    }

    private static func nginx(_ folder: TemporaryFolder, https: Int, http: Int, _ members: [(https: Int, http: Int)]) -> String {
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(folder.path($0));" }
        func servers(_ port: ((https: Int, http: Int)) -> Int) -> String {
            members.map { "server 127.0.0.1:\(port($0)) max_fails=1 fail_timeout=1s;" }.joined(separator: "\n    ")
        }
        return """
            pid \(folder.path("nginx.pid")); error_log \(folder.path("nginx-error.log")); worker_processes 1; user root;
            events {}
            http {
              access_log off; \(temporary.joined(separator: " "))
              proxy_http_version 1.1;
              proxy_set_header Host $http_host;
              proxy_set_header Connection close;
              proxy_connect_timeout 2s;
              proxy_next_upstream error timeout http_503;
              upstream acme {
                \(servers(\.https))
              }
              upstream lists {
                \(servers(\.http))
              }
              server {
                listen 127.0.0.1:\(https) ssl;
                ssl_certificate \(folder.path("proxy.pem")); ssl_certificate_key \(folder.path("proxy.pem"));
                location / { proxy_pass https://acme; }
              }
              server {
                listen 127.0.0.1:\(http);
                location / { proxy_pass http://lists; }
              }
            }

            """
    }
}
