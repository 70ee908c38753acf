import Foundation
import Store
import TestSupport
import Testing

@testable import chanceryd

/// What can be wrong with a machine when the built program starts: one clear sentence, one exit code, nothing lost.
@Suite(.serialized) struct BadStartTests {
    private static let usual = ["--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]

    /// Made once, since the keys of an authority are sealed by a function that is slow on purpose.
    private static let template = Task {
        let folder = try TemporaryFolder()
        try await Program.succeed(Program.built("chanceryd"), ["init", "--data", folder.path("ca")])
        return folder
    }

    private func authority(at path: String? = nil) async throws -> TemporaryFolder {
        let place = try TemporaryFolder()
        try await Program.succeed("cp", ["-a", Self.template.value.path("ca"), path ?? place.path("ca")])
        return place
    }

    /// Runs `serve` behind other programs, which must end by itself, and gives back its one sentence.
    private func refused(
        _ status: ProcessStatus, _ before: [String] = [], _ data: String, _ arguments: [String] = usual,
        at location: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let line = before + [Program.built("chanceryd"), "serve", "--data", data] + arguments
        let outcome = try await Program.run(line[0], Array(line.dropFirst()), limit: 60)
        #expect(outcome.status == status.rawValue, "\(outcome)", sourceLocation: location)
        let sentences = outcome.errors.split(separator: "\n").filter { !$0.contains("Z notice ") && !$0.contains("Z info ") }
        #expect(sentences.count == 1, "\(outcome)", sourceLocation: location)
        return sentences.last.map(String.init) ?? ""
    }

    /// Another network, in which ports below 1024 are closed to plain users whatever this machine permits.
    private static let isRoot = getuid() == 0
    private static let canUnshare = isRoot && FileManager.default.isExecutableFile(atPath: "/usr/bin/unshare")
    private static let asNobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]

    @Test(.enabled(if: canUnshare, "only root makes a network"), arguments: [("--listen", 443), ("--http-listen", 80)])
    func `a plain user who wants a privileged port is told the ways to it`(flag: String, port: Int) async throws {
        let place = try TemporaryFolder()
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: place.path)
        let other = flag == "--listen" ? "--http-listen" : "--listen"
        let told = try await refused(
            .notPermitted, ["unshare", "-n", "/bin/sh", "-c", "ip link set lo up; exec \"$@\"", "sh"] + Self.asNobody,
            place.path("ca"),
            [flag, "127.0.0.1:\(port)", other, "127.0.0.1:0"])
        for words in [
            "Port \(port)", "setcap cap_net_bind_service=+ep", "AmbientCapabilities=CAP_NET_BIND_SERVICE",
            "ip_unprivileged_port_start=\(port)", "change \(flag.dropFirst(2))",
        ] { #expect(told.contains(words), "\(words): \(told)") }
        #expect(!exists(place.path("ca/root.pem")), "nothing half made")
    }

    @Test(arguments: [["localhost:PORT", "127.0.0.1:PORT"], ["[::]:PORT", "127.0.0.1:PORT"], ["*:PORT", "*:PORT"]])
    func `two listeners on one port are refused, whatever they are called`(listeners: [String]) async throws {
        let place = try TemporaryFolder()
        // Free at this moment; where it is taken before the server comes, the answer is another.
        let port = try PortReservation(Endpoint(host: "127.0.0.1", port: 0), setting: "listen").bound.port
        let (one, two) = (
            listeners[0].replacing("PORT", with: "\(port)"), listeners[1].replacing("PORT", with: "\(port)")
        )
        let told = try await refused(.configuration, [], place.path("ca"), ["--listen", one, "--http-listen", two])
        #expect(told.contains("want the same port") && told.contains("\(port)"), "\(told)")
        #expect(!exists(place.path("ca/root.pem")), "nothing half made")
    }

    @Test(.enabled(if: isRoot, "only root mounts a disk"))
    func `a folder on a disk that is mounted for reading only is told`() async throws {
        let place = try TemporaryFolder()
        let disk = place.path("disk")
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
        try await Program.succeed("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", disk])
        defer { umount2(disk, Int32(MNT_DETACH)) }
        _ = try await authority(at: "\(disk)/ca")
        try await Program.succeed("mount", ["-o", "remount,ro", disk])
        let told = try await refused(.cannotWrite, [], "\(disk)/ca")
        #expect(told.contains("\(disk)/ca") && told.contains("written"), "\(told)")
        let fresh = try await refused(.cannotWrite, [], "\(disk)/other")
        #expect(fresh.contains("\(disk)"), "\(fresh)")
    }

    @Test(.enabled(if: isRoot, "only root can become another"))
    func `a folder of another user is told`() async throws {
        let place = try await authority()
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: place.path("ca"))
        let told = try await refused(.notPermitted, Self.asNobody, place.path("ca"))
        #expect(told.contains(place.path("ca")), "\(told)")
    }

    @Test func `a database that is damaged inside is told, and not made worse`() async throws {
        let place = try await authority()
        let path = place.path("ca/chancery.sqlite")
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(bytes.count > 8192)
        // The first page with the tables' names stays whole.
        bytes.replaceSubrange(4096..<bytes.count, with: Data(repeating: 0xA5, count: bytes.count - 4096))
        try bytes.write(to: URL(fileURLWithPath: path))
        let told = try await refused(.damagedDatabase, [], place.path("ca"))
        #expect(told.contains("chancery.sqlite") && told.contains("backup"), "\(told)")
        try bytes.prefix(5000).write(to: URL(fileURLWithPath: path))
        #expect(try await refused(.damagedDatabase, [], place.path("ca")).contains("chancery.sqlite"))
    }

    @Test func `a clock before the last signature ends the start, and the right one serves on`() async throws {
        let place = try await authority()
        let store = try await AuthorityStore.open(path: place.path("ca/chancery.sqlite"), now: Date())
        let tomorrow = Date().addingTimeInterval(86_400)
        // As a server whose clock was right would have left it: a list that is not due yet by any clock.
        for number in 1...2 as ClosedRange<Int64> {
            try await store.saveCRL(
                StoredRevocationList(
                    issuer: "another", number: number, der: [], thisUpdate: tomorrow,
                    nextUpdate: tomorrow.addingTimeInterval(86_400)))
        }
        await store.close()
        let told = try await refused(.clock, [], place.path("ca"))
        #expect(told.contains("set the clock"), "\(told)")
        let published = try await Program.run(Program.built("chanceryd"), ["crl", "publish", "--data", place.path("ca")])
        #expect(published.status == ProcessStatus.clock.rawValue, "\(published)")
    }

    @Test(.enabled(if: canUnshare, "only root makes a network"))
    func `a machine without IPv6 is served over IPv4`() async throws {
        let place = try await authority()
        let script = "ip link set lo up; echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; exec \"$@\""
        let apart = ["unshare", "-n", "/bin/sh", "-c", script, "sh"]
        let told = try await refused(
            .addressUnavailable, apart, place.path("ca"), ["--listen", "[::1]:0", "--http-listen", "127.0.0.1:0"])
        #expect(told.contains("listen") && told.contains("::1"), "\(told)")
        let server = try RunningProgram(
            "unshare",
            Array(apart.dropFirst()) + [
                Program.built("chanceryd"), "serve", "--data", place.path("ca"), "--listen", "*:18443", "--http-listen",
                "*:18080",
            ], log: place.path("log"))
        try await server.printed("Ready:")
        let ready = try await Program.run(
            "nsenter",
            ["-t", "\(server.pid)", "-n", "curl", "-sS", "--cacert", place.path("ca/root.pem"), "https://127.0.0.1:18443/readyz"])
        #expect(ready.output == "ready\n", "\(ready)")
        #expect(try await server.stop() == 0)
    }

    @Test func `a chain that leads nowhere is named`() async throws {
        let place = try await authority()
        let chains = place.path("ca/chains")
        try FileManager.default.createDirectory(atPath: chains, withIntermediateDirectories: true)
        try await Program.succeed("cp", [place.path("ca/intermediate.pem"), "\(chains)/1-own.pem"])
        #expect(
            try await refused(.keyFile, [], place.path("ca")).contains("1-own.pem: the chain is the one that is served anyway"))
        try FileManager.default.moveItem(atPath: "\(chains)/1-own.pem", toPath: "\(chains)/own.pem")
        #expect(try await refused(.keyFile, [], place.path("ca")).contains("N from 1 to 9"))
        try place.write("ca/chains/own.pem", "junk")
        try FileManager.default.moveItem(atPath: "\(chains)/own.pem", toPath: "\(chains)/2.pem")
        #expect(try await refused(.keyFile, [], place.path("ca")).contains("2.pem"))
    }
}
