import ACME
import DNS
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import Validation

/// Every special range by every way in; a canary on the loopback addresses must hear nothing.
@Suite(.timeLimit(.minutes(5)))
struct SSRFTests {
    /// One address of each range, not taken from the table under test; both ends of some.
    static let refused4 = [
        "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "169.254.169.254", "169.254.0.1", "192.0.0.1", "192.0.0.170",
        "192.0.2.1",
        "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    ]
    static let refused6 = [
        "::", "::1", "100::1", "100:0:0:1::1", "2001::1", "2001:2::1", "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1",
        "2001:30::1",
        "2001:db8::1", "2620:4f:8000::1", "3fff::1", "5f00::1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ff0e::1",
        "64:ff9b:1::1", "1::1",
        "4000::1", "fe00::1",
    ]
    /// IPv6 forms that lead to an IPv4 address.
    static let embeddings: [@Sendable (IPAddress) -> IPAddress] = [
        { IPAddress(v6: 0xffff << 32 | $0.number) },
        { IPAddress(v6: $0.number) },
        { IPAddress(v6: 0xffff << 48 | $0.number) },
        { IPAddress(v6: 0x64_ff9b << 96 | $0.number) },
        { IPAddress(v6: 0x2002 << 112 | $0.number << 80) },
        { IPAddress(v6: 0x2001 << 112 | 0x0808_0808 << 64 | (~$0.number & 0xffff_ffff)) },
        { IPAddress(v6: 0x2001 << 112 | $0.number << 64 | 0xf7f7_f7f7) },
    ]
    static let targets: [IPAddress] =
        (refused4 + refused6).compactMap { IPAddress($0) }
        + refused4.compactMap { IPAddress($0) }.flatMap { inner in embeddings.map { $0(inner) } }

    enum Way: CaseIterable, Sendable { case record, cname, redirectToAddress, redirectToName, rebinding }

    @Test func `the table is complete`() {
        #expect(Self.targets.count == Self.refused4.count * 8 + Self.refused6.count)
        #expect(Self.targets.count * Way.allCases.count >= 100)
    }

    @Test(arguments: Way.allCases)
    func `no special address is connected to`(by way: Way) async throws {
        // The honest server lives on a loopback address that is listed, on the port that the canaries listen to on all others.
        let target = Mutex(Self.targets[0])
        let honest: HostileServer.Act = { request, channel in
            let port = channel.localAddress?.port ?? 0
            let location =
                switch way {
                case .redirectToAddress: "http://\(WebTarget.Host.address(target.withLock { $0 })):\(port)/x"
                case .redirectToName: "http://evil.test:\(port)/x"
                default: "http://a.test:\(port)/x"
                }
            HostileServer.send(Setting.redirect(location), channel, close: true)
        }
        let nothing: HostileServer.Act = { _, _ in }
        let servers = try await HostileServer.together(["127.0.0.9", "127.0.0.1", "::1"], [honest, nothing, nothing])
        let server = servers[0]
        let asked = Mutex(0)
        let setting = try Setting(port: server.port, allowed: ["127.0.0.9"]) { question in
            let bad = target.withLock { NameServer.Record.address($0.bytes) }
            let good = NameServer.Record.a([127, 0, 0, 9])
            switch (way, question.name) {
            case (.record, _), (_, "evil.test"): return .records([bad])
            case (.cname, "a.test"): return .records([.cname("evil.test")])
            case (.rebinding, _):
                // The first hop's two questions are answered honestly; from then on the answer has changed.
                return .records(
                    asked.withLock {
                        $0 += 1; return $0 <= 2
                    } ? [good] : [bad])
            default: return .records([good])
            }
        }
        for address in Self.targets {
            target.withLock { $0 = address }
            asked.withLock { $0 = 0 }
            let problem = try await setting.problem()
            #expect(problem.errorType == .connection)
            #expect(
                problem.says("address \(address) is ") && problem.says("--allow-address"), "\(address): \(problem.detail ?? "")")
        }
        let redirects = way == .record || way == .cname ? 0 : Self.targets.count
        #expect(server.connections == redirects)
        #expect(servers.dropFirst().map(\.connections) == [0, 0])
    }

    @Test func `an answer that changes after the check changes nothing: what was checked is connected to`() async throws {
        let servers = try await HostileServer.together(
            ["127.0.0.9", "127.0.0.1"], [HostileServer.say(Setting.ok(Setting.proof)), { _, _ in }])
        let asked = Mutex(0)
        let setting = try Setting(port: servers[0].port, allowed: ["127.0.0.9"]) { question in
            guard question.type == 1 else { return .records([]) }
            return .records([
                .a(
                    asked.withLock {
                        $0 += 1; return $0
                    } == 1 ? [127, 0, 0, 9] : [127, 0, 0, 1])
            ])
        }
        #expect(try await setting.validate().get().address == "127.0.0.9")
        #expect(asked.withLock { $0 } == 1)
        #expect(servers[1].connections == 0)
    }

    @Test func `of mixed addresses only the permitted are connected to`() async throws {
        let acts: [HostileServer.Act] = [HostileServer.say(Setting.ok(Setting.proof)), { _, _ in }, { _, _ in }]
        let servers = try await HostileServer.together(["127.0.0.9", "127.0.0.1", "::1"], acts)
        let setting = try Setting(port: servers[0].port, allowed: ["127.0.0.9"]) { _ in
            .records([.a([127, 0, 0, 1]), .a([127, 0, 0, 9]), .aaaa(Setting.v6)])
        }
        #expect(try await setting.validate().get().address == "127.0.0.9")
        #expect(servers.dropFirst().map(\.connections) == [0, 0])
    }

    @Test func `tls-alpn-01 goes through the same gate`() async throws {
        let canary = try await HostileServer(on: .connection) { _, _ in }
        let problem = try await Setting(port: canary.port, allowed: []).problem(.tlsALPN01)
        #expect(problem.errorType == .connection)
        #expect(problem.says("--allow-address 127.0.0.0/8"))
        #expect(canary.connections == 0)
    }
}
