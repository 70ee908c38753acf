import Foundation
import TestSupport
import Testing

/// Debian's nginx and HAProxy with the configurations of packaging/proxy, but for ports, names and files.
@Suite(.serialized) struct ReverseProxyTests {
    /// A file of packaging/proxy with parts of it replaced; every part has to be there.
    private func configuration(_ name: String, _ changes: [(String, String)]) throws -> String {
        var text = try String(contentsOfFile: Tools.repository("packaging/proxy/" + name), encoding: .utf8)
        for (from, to) in changes {
            try #require(text.contains(from), "\(from) in \(name)")
            text = text.replacing(from, with: to)
        }
        return text
    }

    private func lego(_ authority: TestAuthority, _ base: String, root: String, _ name: String) async throws {
        let folder = try TemporaryFolder()
        try await Program.succeed(
            "lego",
            [
                "--path", folder.path, "--server", base + "/acme/default/directory", "--email", "admin@example.com",
                "--accept-tos",
                "--http", "--http.port", ":\(authority.http01Port)", "-d", name, "run",
            ], environment: ["LEGO_CA_CERTIFICATES": root])
        let verdict = try await authority.accepts(folder.path("certificates/\(name).crt"), name: name)
        #expect(verdict.status == 0, "\(verdict)")
    }

    /// Asks for the directory from an address of its own, claiming to be somebody else.
    private func ask(_ base: String, root: String, from address: String) async throws {
        let text = try await Program.succeed(
            "curl",
            [
                "-fsS", "--cacert", root, "--interface", address, "-H", "X-Forwarded-For: 6.6.6.6", "-H",
                "Forwarded: for=6.6.6.6",
                "-H", "Host: evil.test", "-A", "from-\(address)", base + "/acme/default/directory",
            ])
        #expect(text.contains("\"\(base)/acme/default/new-order\""))
    }

    /// The address that the log has for what `ask` sent.
    private func logged(_ authority: TestAuthority, from address: String) async throws -> String {
        var line: Substring?
        try await eventually("the request from \(address) in the log") {
            line = authority.server?.output.split(separator: "\n").last { $0.contains("from-\(address)") }
            return line != nil
        }
        return String(try #require(line))
    }

    @Test(arguments: ["forwarded", "x-forwarded"])
    func `nginx that speaks TLS for the server: clients get certificates, and their addresses are known`(field: String)
        async throws
    {
        let (port, httpPort, plain) = try (freePort(), freePort(), freePort())
        let base = "https://127.0.0.1:\(port)"
        let authority = try await TestAuthority(
            names: NameServer(),
            flags: [
                "--external-url", base, "--plain-listen", "127.0.0.1:\(plain)", "--set", "trusted-proxies=127.0.0.1", "--set",
                "forwarded-header=\(field)",
            ])
        let folder = try TemporaryFolder()
        let (pem, key) = (folder.path("tls.pem"), folder.path("tls.key"))
        try await Program.succeed(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=proxy",
                "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", pem,
            ])
        var changes = [
            ("listen 443 ssl", "listen 127.0.0.1:\(port) ssl"), ("listen 80", "listen 127.0.0.1:\(httpPort)"),
            ("server 127.0.0.1:8081", "server 127.0.0.1:\(plain)"),
            ("http://127.0.0.1:8080;", "http://127.0.0.1:\(authority.httpPort);"),
            ("/etc/ssl/ca.example.org/fullchain.pem", pem), ("/etc/ssl/ca.example.org/privkey.pem", key),
        ]
        if field == "x-forwarded" { changes.append(("X-Forwarded-For \"\"", "X-Forwarded-For $proxy_add_x_forwarded_for")) }
        let site = try configuration("nginx.conf", changes)
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(folder.path($0));" }
        let whole = """
            pid \(folder.path("pid")); error_log \(folder.path("error.log")); worker_processes 1; user root; events {}
            http { access_log off; \(temporary.joined(separator: " "))
            \(site) }
            """
        try whole.write(toFile: folder.path("nginx.conf"), atomically: true, encoding: .utf8)
        let nginx = try RunningProgram("nginx", ["-c", folder.path("nginx.conf"), "-g", "daemon off;"], log: folder.path("log"))
        defer { nginx.signal(SIGTERM) }
        try await eventually("nginx on port \(port)") {
            try await Program.run("curl", ["-fsS", "--cacert", pem, base + "/healthz"]).status == 0
        }
        try await ask(base, root: pem, from: "127.0.0.2")
        let line = try await logged(authority, from: "127.0.0.2")
        #expect(line.contains("peer=127.0.0.2 ") && line.contains("proxy=127.0.0.1"), "\(line)")
        try await lego(authority, base, root: pem, "nginx.e2e.test")
        try await Program.succeed("curl", ["-fsS", "-o", folder.path("root.pem"), "http://127.0.0.1:\(httpPort)/root.pem"])
        // Past the proxy: whoever is not 127.0.0.1 is sent away.
        let past = try await Program.run(
            "curl", ["-s", "--interface", "127.0.0.3", "http://127.0.0.1:\(plain)/acme/default/directory"])
        #expect(past.output.contains("trusted-proxies"))
        #expect(try await authority.stop() == 0)
    }

    @Test(arguments: ["send-proxy-v2", "send-proxy"])
    func `HAProxy that hands TLS through: clients get certificates, and their addresses are known`(how: String) async throws {
        let (port, httpPort) = try (freePort(), freePort())
        let base = "https://127.0.0.1:\(port)"
        let authority = try await TestAuthority(
            names: NameServer(),
            flags: ["--external-url", base, "--set", "trusted-proxies=127.0.0.1", "--set", "proxy-protocol=on"])
        let folder = try TemporaryFolder()
        let text = try configuration(
            "haproxy.cfg",
            [
                ("bind :443", "bind 127.0.0.1:\(port)"), ("bind :80", "bind 127.0.0.1:\(httpPort)"),
                ("server one 127.0.0.1:8443", "server one 127.0.0.1:\(authority.port)"),
                ("server one 127.0.0.1:8080", "server one 127.0.0.1:\(authority.httpPort)"), (" send-proxy-v2", " \(how)"),
            ])
        try text.write(toFile: folder.path("haproxy.cfg"), atomically: true, encoding: .utf8)
        let haproxy = try RunningProgram("haproxy", ["-db", "-f", folder.path("haproxy.cfg")], log: folder.path("log"))
        defer { haproxy.signal(SIGTERM) }
        try await eventually("haproxy on port \(port)") {
            try await Program.run("curl", ["-fsS", "--cacert", authority.root, base + "/readyz"]).status == 0
        }
        try await ask(base, root: authority.root, from: "127.0.0.2")
        let line = try await logged(authority, from: "127.0.0.2")
        #expect(line.contains("peer=127.0.0.2 ") && line.contains("proxy=127.0.0.1"), "\(line)")
        try await lego(authority, base, root: authority.root, "haproxy.e2e.test")
        try await Program.succeed("curl", ["-fsS", "-o", folder.path("root.pem"), "http://127.0.0.1:\(httpPort)/root.pem"])
        #expect(try await authority.stop() == 0)
    }
}
