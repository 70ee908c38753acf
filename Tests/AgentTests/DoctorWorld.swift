import ACMEClient
import DNS
import Foundation
import NIOCore
import NIOPosix
import TestSupport

@testable import Agent

/// A BIND that serves one zone differently at 127.0.0.1 and at ::1, and one zone whose signatures are broken; `doctor.test` has a third server that
/// is dead. 127.0.0.1 also serves as the resolver.
final class DoctorNames: Sendable {
    private let folder: TemporaryFolder
    private let bind: Bind
    var port: Int { bind.port }
    var address: String { bind.address }
    /// DS record of the broken zone, as it would be with an intact one.
    let anchor: String

    init() async throws {
        folder = try TemporaryFolder()
        let head = """
            $TTL 60
            @ IN SOA ns1 admin 1 60 60 60 1
            @ IN NS ns1
            @ IN NS ns2
            ns1 IN A 127.0.0.1
            ns2 IN AAAA ::1
            same IN A 127.0.0.1
            _acme-challenge.same IN TXT "left over"
            _acme-challenge.same IN TXT "from before"
            alias IN CNAME same
            six IN A 127.0.0.1
            six IN AAAA ::1
            public IN A 192.0.2.1

            """
        try folder.write("one.zone", head + "differs IN A 127.0.0.1\nlate IN A 127.0.0.1\n")
        try folder.write("two.zone", head + "differs IN A 127.0.0.9\n")
        try folder.write(
            "lame.zone", head.replacing("@ IN NS ns2", with: "@ IN NS ns2.doctor.test.\n@ IN NS ns3\nns3 IN A 127.0.0.3"))
        let simple = "$TTL 60\n@ IN SOA ns admin 1 60 60 60 1\n@ IN NS ns\nns IN A 127.0.0.1\na IN A 127.0.0.1\n"
        try folder.write("bad.zone", simple)
        try await Program.succeed("dnssec-keygen", ["-a", "ECDSAP256SHA256", "-f", "KSK", "bad.test"], folder: folder.path)
        try await Program.succeed("dnssec-keygen", ["-a", "ECDSAP256SHA256", "bad.test"], folder: folder.path)
        try await Program.succeed(
            "dnssec-signzone", ["-S", "-o", "bad.test", "-f", "bad.signed", "bad.zone"], folder: folder.path)
        let signed = try String(contentsOfFile: folder.path("bad.signed"), encoding: .utf8)
        // The record of `a` is another than the one that was signed.
        try folder.write(
            "bad.signed",
            signed.replacing(/a\.bad\.test\.(\s+)60(\s+)IN A(\s+)127\.0\.0\.1/) { match in
                "a.bad.test.\(match.1)60\(match.2)IN A\(match.3)127.0.0.7"
            })
        anchor =
            try String(contentsOfFile: folder.path("dsset-bad.test."), encoding: .utf8)
            .split(separator: "\n").first.map(String.init) ?? ""
        let place = folder
        func zone(_ name: String, _ file: String) -> String {
            "zone \"\(name)\" { type primary; file \"\(place.path(file))\"; };"
        }
        bind = try await Bind(
            in: folder, onIPv6: true,
            """
            view "one" {
              match-destinations { 127.0.0.1; };
              \(zone("doctor.test", "one.zone")) \(zone("lame.test", "lame.zone")) \(zone("bad.test", "bad.signed"))
            };
            view "two" { match-destinations { any; }; \(zone("doctor.test", "two.zone")) };
            """)
    }
}

/// A web server in this process that says what a test wants, raw.
final class RawServer: Sendable {
    let port: Int
    private let channel: any Channel

    /// - Parameter behave: gets each connection once it is made.
    init(_ behave: @escaping @Sendable (any Channel) -> Void) async throws {
        channel = try await ServerBootstrap(group: NIOSingletons.posixEventLoopGroup)
            .childChannelInitializer { channel in
                behave(channel)
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    /// Says the same to everybody, then hangs up.
    convenience init(saying text: String) async throws {
        try await self.init { channel in
            channel.writeAndFlush(ByteBuffer(string: text)).whenComplete { _ in channel.close(promise: nil) }
        }
    }

    deinit { channel.close(promise: nil) }
}
