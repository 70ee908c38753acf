import Foundation
import TestSupport
import Testing

/// A built `chanceryd` on loopback with a folder of its own.
final class TestAuthority: @unchecked Sendable {
    let folder: TemporaryFolder
    let names: NameServer?
    let port: Int
    let httpPort: Int
    let http01Port: Int
    let tlsALPN01Port: Int
    private(set) var server: RunningProgram?

    private let flags: [String]

    /// Made once for all, since the keys of an authority are sealed by a function that is slow on purpose.
    private static let template = Task {
        let folder = try TemporaryFolder()
        try await Program.succeed(Program.built("chanceryd"), ["init", "--data", folder.path("ca")])
        return folder
    }

    let data: String

    /// - Parameters:
    ///   - flags: of `serve`, beside those that every test needs.
    ///   - data: the data folder, not yet there; nil: one in `folder`.
    init(names: NameServer? = nil, flags: [String] = [], data: String? = nil) async throws {
        folder = try TemporaryFolder()
        self.data = data ?? folder.path("ca")
        (self.names, self.flags) = (names, flags)
        (port, httpPort, http01Port, tlsALPN01Port) = try (freePort(), freePort(), freePort(), freePort())
        try await Program.succeed("cp", ["-a", Self.template.value.path("ca"), self.data])
        try await start()
    }

    deinit { server?.signal(SIGKILL) }

    var root: String { "\(data)/root.pem" }
    var base: String { "https://127.0.0.1:\(port)" }
    var directory: String { "\(base)/acme/default/directory" }

    func start() async throws {
        var arguments = [
            "serve", "--data", data, "--listen", "127.0.0.1:\(port)", "--http-listen", "127.0.0.1:\(httpPort)",
            "--http01-port", "\(http01Port)", "--tls-alpn01-port", "\(tlsALPN01Port)",
            "--allow-address", "127.0.0.0/8", "--allow-address", "::1/128",
        ]
        if let names { arguments += ["--resolver", names.address] }
        arguments += flags
        let server = try RunningProgram(Program.built("chanceryd"), arguments, log: folder.path("server.log"))
        self.server = server
        try await server.printed("Ready:")
    }

    @discardableResult
    func stop(_ signal: Int32 = SIGTERM) async throws -> Int32 { try await server?.stop(signal) ?? 0 }

    /// A command of chanceryd on this authority's folder.
    func command(_ arguments: String...) async throws -> Program.Outcome {
        try await Program.run(Program.built("chanceryd"), arguments + ["--data", data])
    }

    /// Its certificates as `certificate list --json` tells them.
    func certificates() async throws -> [[String: Any]] {
        let text = try await Program.succeed(Program.built("chanceryd"), ["certificate", "list", "--json", "--data", data])
        let parsed = try JSONSerialization.jsonObject(with: Data(text.utf8))
        if let list = parsed as? [[String: Any]] { return list }
        return try #require((parsed as? [String: Any])?["certificates"] as? [[String: Any]])
    }

    /// Whether `openssl verify` accepts the leaf of a fullchain file under the root for a server.
    func accepts(_ fullchain: String, name: String) async throws -> Program.Outcome {
        try await Program.run(
            "openssl",
            [
                "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", name, "-CAfile", root, "-untrusted",
                fullchain, fullchain,
            ])
    }

    /// The intermediate's revocation list as text.
    func revocationList(of certificate: String) async throws -> String {
        let points = try await Program.succeed(
            "openssl", ["x509", "-in", certificate, "-noout", "-ext", "crlDistributionPoints"])
        guard let start = points.range(of: "URI:") else { throw Program.Failure("no URL in \(points)") }
        let url = String(points[start.upperBound...].prefix { !$0.isWhitespace })
        let file = folder.path("crl-\(UUID().uuidString)")
        try await Program.succeed("curl", ["-fsS", "-o", file, url])
        return try await Program.succeed("openssl", ["crl", "-inform", "DER", "-in", file, "-noout", "-text"])
    }

    /// Waits until the serial of a certificate file stands on the published list (60 s is the promise).
    func publishesRevocation(of certificate: String) async throws {
        let line = try await Program.succeed("openssl", ["x509", "-in", certificate, "-noout", "-serial"])
        let serial = try #require(line.trimmingCharacters(in: .whitespacesAndNewlines).split(separator: "=").last).uppercased()
        try await eventually("serial \(serial) on the revocation list", limit: 60) {
            try await self.revocationList(of: certificate).uppercased().contains(serial)
        }
    }
}
