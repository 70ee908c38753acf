import ACME
import ACMEClient
import Foundation
import TestSupport
import Testing

/// A disk of its own for a server, small enough to be filled.
final class SmallDisk: Sendable {
    let path: String

    /// - Throws: where the system does not let us mount.
    init(_ folder: TemporaryFolder) async throws {
        path = folder.path("disk")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try await Program.succeed("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", path])
    }

    /// Also where the test ended early and a server still holds files.
    deinit { umount2(path, Int32(MNT_DETACH)) }

    func unmount() async throws { try await Program.succeed("umount", [path]) }

    static let isPossible = getuid() == 0

    func fill() async throws {
        // Ends with 1: there is no room left.
        _ = try await Program.run("dd", ["if=/dev/zero", "of=\(path)/filling", "bs=4k"])
    }

    func free() throws { try FileManager.default.removeItem(atPath: "\(path)/filling") }
}

@Suite(.serialized) struct DiskTests {
    @Test(.enabled(if: SmallDisk.isPossible, "only root mounts a disk"))
    func `a full disk is answered with 503, and once there is room everything goes on and nothing is lost`() async throws {
        let folder = try TemporaryFolder()
        let disk = try await SmallDisk(folder)
        let authority = try await TestAuthority(data: "\(disk.path)/ca")
        var configuration = ACMEClient.Configuration(product: "disk-test/1")
        configuration.trustRoots = [try String(contentsOfFile: authority.root, encoding: .utf8)]
        configuration.longestPause = .zero
        let client = try ACMEClient(directory: authority.directory, configuration: configuration)

        var acknowledged: [(SigningKey, String)] = []
        func register() async throws(ACMEClientError) {
            let key = SigningKey(.p256)
            acknowledged.append((key, try await client.createAccount(key, termsAgreed: true).account.url))
        }
        try await register()
        try await disk.fill()
        var refusal: ACMEClientError?
        for _ in 0..<2_000 where refusal == nil {
            do { try await register() } catch { refusal = error }
        }
        guard case .rateLimited = try #require(refusal, "the disk was never full") else {
            Issue.record("not 503 with Retry-After: \(refusal.debugDescription)")
            return
        }
        #expect(authority.server?.isRunning == true)

        try disk.free()
        try await register()
        for restarted in [false, true] {
            if restarted {
                try await authority.stop()
                try await authority.start()
            }
            for (key, url) in acknowledged {
                #expect(try await client.findAccount(key)?.account.url == url, "lost, restarted: \(restarted)")
            }
        }
        #expect(try await authority.stop() == 0)
        try await disk.unmount()
    }
}
