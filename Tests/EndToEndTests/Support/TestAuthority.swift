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

    /// Of `serve` from the next start on, beside those that every test needs.
    var flags: [String]

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
    ///   - template: a data folder to begin from; nil: one that all share.
    init(
        names: NameServer? = nil, flags: [String] = [], data: String? = nil, template: String? = nil,
        environment: [String: String] = [:]
    ) async throws {
        folder = try TemporaryFolder()
        self.data = data ?? folder.path("ca")
        (self.names, self.flags) = (names, flags)
        (port, httpPort, http01Port, tlsALPN01Port) = try (freePort(), freePort(), freePort(), freePort())
        var origin = template
        if origin == nil { origin = try await Self.template.value.path("ca") }
        try await Program.succeed("cp", ["-a", origin ?? "", self.data])
        try await start(environment: environment)
    }

    deinit { server?.signal(SIGKILL) }

    var root: String { "\(data)/root.pem" }
    var base: String { "https://127.0.0.1:\(port)" }
    var directory: String { "\(base)/acme/default/directory" }

    /// Until it is ready.
    /// - Parameter environment: of the server, beside this process's.
    func start(environment: [String: String] = [:]) async throws {
        try await launch(environment: environment).printed("Ready:")
    }

    /// Without waiting for anything.
    @discardableResult
    func launch(environment: [String: String] = [:]) throws -> RunningProgram {
        var arguments = [
            "serve", "--data", data, "--listen", "127.0.0.1:\(port)", "--http-listen", "127.0.0.1:\(httpPort)",
            "--http01-port", "\(http01Port)", "--tls-alpn01-port", "\(tlsALPN01Port)",
            "--allow-address", "127.0.0.0/8", "--allow-address", "::1/128",
        ]
        if let names { arguments += ["--resolver", names.address] }
        arguments += flags
        let server = try RunningProgram(
            Program.built("chanceryd"), arguments, environment: environment, log: folder.path("server.log"))
        self.server = server
        return server
    }

    /// Keeps the intermediate's key in the clear from the next start on: opening the encrypted one takes a second of a debug build's time.
    func openKey() async throws {
        let open = folder.path("open.key")
        try await Program.succeed(
            "openssl",
            ["pkey", "-in", "\(data)/intermediate.key", "-passin", "file:\(data)/intermediate.passphrase", "-out", open])
        try await Program.succeed("install", ["-m", "600", open, "\(data)/intermediate.key"])
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
