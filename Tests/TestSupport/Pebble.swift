import Foundation

/// Debian's pebble with its own DNS, on free ports of loopback; ended when released.
package final class Pebble: Sendable {
    package let folder: TemporaryFolder
    package let directory: String
    package let root: String
    package let http01Port: Int
    package let tlsALPN01Port: Int
    private let dnsControl: Int
    private let management: Int
    private let server: RunningProgram
    private let names: RunningProgram

    package static var isInstalled: Bool {
        ["/usr/bin/pebble", "/usr/bin/pebble-challtestsrv"].allSatisfy(FileManager.default.isExecutableFile(atPath:))
    }

    package init(_ environment: [String: String], strict: Bool = false, binding: (id: String, key: String)? = nil) async throws {
        folder = try TemporaryFolder()
        let f = folder
        func openssl(_ arguments: String...) async throws { try await Program.succeed("openssl", arguments, folder: f.path) }
        try await openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=test root",
            "-keyout", "root.key", "-out", "root.pem")
        try await openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-keyout",
            "tls.key",
            "-out", "tls.csr")
        try f.write("ext", "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
        try await openssl(
            "x509", "-req", "-in", "tls.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "2",
            "-extfile",
            "ext", "-out", "tls.pem")
        let ports = try [freePort(), freePort(), freePort(), freePort(), freePort(), freePort()]
        (http01Port, tlsALPN01Port, dnsControl, management) = (ports[2], ports[3], ports[5], ports[1])
        let keys = binding.map { #""\#($0.id)":"\#($0.key)""# } ?? ""
        let config = try f.write(
            "pebble.json",
            #"""
            {"pebble": {"listenAddress": "127.0.0.1:\#(ports[0])", "managementListenAddress": "127.0.0.1:\#(ports[1])",
             "certificate": "\#(f.path("tls.pem"))", "privateKey": "\#(f.path("tls.key"))", "httpPort": \#(ports[2]),
             "tlsPort": \#(ports[3]), "ocspResponderURL": "", "externalAccountBindingRequired": \#(binding != nil),
             "externalAccountMACKeys": {\#(keys)}}}
            """#)
        names = try RunningProgram(
            "pebble-challtestsrv",
            [
                "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", "127.0.0.1:\(ports[4])", "-http01", "", "-https01", "",
                "-tlsalpn01", "", "-management", "127.0.0.1:\(ports[5])",
            ],
            log: f.path("dns.log"))
        server = try RunningProgram(
            "pebble", ["-config", config, "-dnsserver", "127.0.0.1:\(ports[4])"] + (strict ? ["-strict"] : []),
            environment: ["PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"].merging(environment)
            { $1 },
            log: f.path("pebble.log"))
        directory = "https://127.0.0.1:\(ports[0])/dir"
        root = f.path("root.pem")
        try await server.printed("ACME directory available")
        try await eventually("the DNS") {
            try await Program.run("curl", ["-s", "-m", "2", "http://127.0.0.1:\(ports[5])/"]).status == 0
        }
    }

    package var log: String { server.output }

    /// A DNS program that talks to the test DNS.
    package func hook() throws -> String {
        let set = #"curl -sf -d "{\"host\":\"$2\",\"value\":\"$3\"}" http://127.0.0.1:\#(dnsControl)"#
        return try folder.write(
            "hook.sh", "#!/bin/sh\ncase $1 in present) \(set)/set-txt;; cleanup) \(set)/clear-txt;; esac >/dev/null\n",
            mode: 0o755)
    }

    /// The root of what it issues, PEM.
    package func issuingRoot() async throws -> String {
        try await Program.succeed("curl", ["-s", "-f", "--cacert", root, "https://127.0.0.1:\(management)/roots/0"])
    }
}
