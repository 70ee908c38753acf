import ACME
import Crypto
import CryptoExtras
import NIOCore
import NIOSSL
import SwiftASN1
import TestSupport
import Testing
import X509

@testable import Validation

@Suite(.timeLimit(.minutes(1)))
struct TLSALPN01Tests {
    static let rsa = Certificate.PrivateKey(try! _RSA.Signing.PrivateKey(keySize: .bits2048))
    static let good: [String: @Sendable () -> Proof] = [
        "as it should be": { Proof() },
        "the name in upper case": { Proof(names: [.dnsName("A.TEST")]) },
        "P-384": { Proof(key: .init(P384.Signing.PrivateKey())) },
        "P-521": { Proof(key: .init(P521.Signing.PrivateKey())) },
        "Ed25519": { Proof(key: .init(Curve25519.Signing.PrivateKey())) },
        "RSA for signatures": { Proof(usage: KeyUsage(digitalSignature: true), key: rsa) },
        "RSA for encipherment only": { Proof(usage: KeyUsage(keyEncipherment: true), key: rsa) },
    ]
    @Test(arguments: good.keys.sorted(), [TLSVersion.tlsv12, .tlsv13])
    func `S8737-3-3 S8737-3-4 a right proof is accepted, and no data is sent`(name: String, version: TLSVersion) async throws {
        let proof = try #require(Self.good[name])
        let server = try await HostileServer(
            tls: proof().serverContext(alpn: ["h2", "acme-tls/1"], minimum: version, maximum: version), on: .connection
        ) { _, _ in }
        let result = try await Setting(port: server.port).validate(.tlsALPN01)
        #expect(throws: Never.self) { try result.get() }
        #expect(server.received.isEmpty, "S8737-4-1")
    }

    static let bad: [String: (proof: @Sendable () -> Proof, says: String)] = [
        "two names": ({ Proof(names: [.dnsName("a.test"), .dnsName("b.test")]) }, "2 alternative names"),
        "the name twice": ({ Proof(names: [.dnsName("a.test"), .dnsName("a.test")]) }, "2 alternative names"),
        "an address beside the name": ({ Proof(names: [.dnsName("a.test"), .rfc822Name("a@a.test")]) }, "2 alternative names"),
        "another name": ({ Proof(names: [.dnsName("b.test")]) }, "needs one dNSName"),
        "a wildcard": ({ Proof(names: [.dnsName("*.test")]) }, "needs one dNSName"),
        "a trailing dot": ({ Proof(names: [.dnsName("a.test.")]) }, "needs one dNSName"),
        "the name as a URI": ({ Proof(names: [.uniformResourceIdentifier("a.test")]) }, "needs one dNSName"),
        "no subjectAltName": ({ Proof(names: nil) }, "0 alternative names"),
        "an empty subjectAltName": ({ Proof(names: []) }, "alternative"),
        "not critical": ({ Proof(critical: false) }, "not critical"),
        "the draft's identifier": ({ Proof(identifier: [1, 3, 6, 1, 5, 5, 7, 1, 30, 1]) }, "of a draft"),
        "no acmeIdentifier": ({ Proof(value: nil) }, "without exactly one acmeIdentifier"),
        "another digest": ({ Proof(value: [0x04, 0x20] + [UInt8](repeating: 7, count: 32)) }, "does not hold"),
        "a digest without its OCTET STRING": ({ Proof(value: Proof.digest) }, "does not hold"),
        "31 octets": ({ Proof(value: [0x04, 0x1f] + Proof.digest.prefix(31)) }, "does not hold"),
        "33 octets": ({ Proof(value: [0x04, 0x21] + Proof.digest + [0]) }, "does not hold"),
        "something behind the digest": ({ Proof(value: [0x04, 0x20] + Proof.digest + [0x05, 0x00]) }, "does not hold"),
        "a long form length": ({ Proof(value: [0x04, 0x81, 0x20] + Proof.digest) }, "does not hold"),
        "the extension twice": ({ Proof(isDoubled: true) }, "cannot be read"),
        "signed with another key": ({ Proof(isForged: true) }, "not signed with its own key"),
    ]
    @Test(arguments: bad.keys.sorted())
    func `S8737-3-3 S8737-3-4 S8737-4-2 a proof with a fault is refused by its name`(fault: String) async throws {
        let (proof, says) = try #require(Self.bad[fault])
        let server = try await HostileServer(tls: proof().serverContext(alpn: ["acme-tls/1"]), on: .connection) { _, _ in }
        let problem = try await Setting(port: server.port).problem(.tlsALPN01)
        #expect(problem.errorType == .incorrectResponse, "\(problem.detail ?? "")")
        #expect(problem.says(says) && problem.says("127.0.0.1"), "\(problem.detail ?? "")")
    }

    @Test(arguments: [[], ["h2", "http/1.1"], ["acme-tls/2"], ["ACME-TLS/1"]])
    func `S8737-3-2 without acme-tls/1 the best certificate proves nothing`(alpn: [String]) async throws {
        let server = try await HostileServer(tls: Proof().serverContext(alpn: alpn), on: .connection) { _, _ in }
        let problem = try await Setting(port: server.port).problem(.tlsALPN01)
        #expect(problem.errorType == .tls)
        #expect(problem.says("acme-tls/1"))
    }

    @Test func `S8737-4-1 TLS 1.1 is not spoken`() async throws {
        let context = try Proof().serverContext(alpn: ["acme-tls/1"], minimum: .tlsv1, maximum: .tlsv11)
        let server = try await HostileServer(tls: context, on: .connection) { _, _ in }
        #expect(try await Setting(port: server.port).problem(.tlsALPN01).errorType == .tls)
    }

    static let silences: [String: (version: TLSVersion, silence: HostileServer.Silence)] = [
        "before its first flight": (.tlsv13, .init(atFlight: 1)),
        "in the first record's header": (.tlsv13, .init(afterBytes: 3)),
        "in its hello": (.tlsv13, .init(afterBytes: 60)),
        "in the certificate, TLS 1.2": (.tlsv12, .init(afterBytes: 300)),
        "in the encrypted part, TLS 1.3": (.tlsv13, .init(afterBytes: 300)),
        "before its second flight, TLS 1.2": (.tlsv12, .init(atFlight: 2)),
    ]
    @Test(arguments: silences.keys.sorted())
    func `a server that falls silent holds nobody beyond the deadline, and the connection is closed`(moment: String) async throws
    {
        let (version, silence) = try #require(Self.silences[moment])
        let context = try Proof().serverContext(alpn: ["acme-tls/1"], minimum: version, maximum: version)
        let (closed, closing) = AsyncStream.makeStream(of: Void.self)
        let server = try await HostileServer(tls: context, silent: silence, on: .connection) { _, channel in
            channel.closeFuture.whenComplete { _ in closing.finish() }
        }
        let problem = try await Setting(port: server.port, deadline: .seconds(1)).problem(.tlsALPN01)
        #expect(problem.errorType == .connection)
        #expect(problem.says("still asking 127.0.0.1 port \(server.port)"), "\(problem.detail ?? "")")
        for await _ in closed {}
    }

    @Test func `a handshake without end is cut`() async throws {
        // A HelloRequest, which a TLS 1.2 client has to ignore while it shakes hands.
        let flood = HostileServer.flood("\u{16}\u{3}\u{3}\u{0}\u{4}\u{0}\u{0}\u{0}\u{0}")
        let server = try await HostileServer(on: .connection, flood)
        let problem = try await Setting(port: server.port).problem(.tlsALPN01)
        #expect(problem.errorType == .tls)
        #expect(problem.says("more than 65536 bytes"), "\(problem.detail ?? "")")
    }

    @Test(
        arguments: [
            (40, "handshake failure"), (80, "internal error"), (112, "unrecognized name"), (120, "no application protocol"),
            (255, "error"),
        ] as [(UInt8, String)])
    func `an alert is told by its name, or number`(alert: UInt8, says: String) async throws {
        let server = try await HostileServer(on: .connection) { _, channel in
            channel.writeAndFlush(ByteBuffer(bytes: [0x15, 3, 3, 0, 2, 2, alert]), promise: nil)
        }
        let problem = try await Setting(port: server.port).problem(.tlsALPN01)
        #expect(problem.errorType == .tls)
        #expect(problem.says(says), "\(problem.detail ?? "")")
    }

    @Test(arguments: [
        "HTTP/1.1 400 secret\r\n\r\n", "", "\u{15}\u{3}\u{1}\u{0}\u{2}\u{2}\u{28}", String(repeating: "\u{16}", count: 5000),
    ])
    func `what does not speak TLS is a tls problem, not shown`(greeting: String) async throws {
        let server = try await HostileServer(on: .connection, HostileServer.say(greeting))
        let problem = try await Setting(port: server.port).problem(.tlsALPN01)
        #expect(problem.errorType == .tls || problem.errorType == .connection, "\(problem.detail ?? "")")
        #expect(!problem.says("secret"))
    }

    @Test func `S8737-3-1 the client offers exactly acme-tls/1 and exactly the name`() async throws {
        let listener = try await HostileServer(on: .bytes) { _, channel in channel.close(promise: nil) }
        let problem = try await Setting(port: listener.port).problem(.tlsALPN01)
        #expect(problem.says("Asking 127.0.0.1 port \(listener.port) for a.test by TLS"))
        let bytes = listener.received
        // Extension 16: list of 11 octets with one name of 10. Extension 0: list of 9 octets with one host name of 6.
        #expect(bytes.holds([0, 16, 0, 13, 0, 11, 10] + Array("acme-tls/1".utf8)))
        #expect(bytes.holds([0, 0, 0, 11, 0, 9, 0, 0, 6] + Array("a.test".utf8)))
    }

    @Test func `a host that nobody serves is a connection problem`() async throws {
        let port = try await HostileServer.unused()
        let problem = try await Setting(port: port).problem(.tlsALPN01)
        #expect(problem.errorType == .connection)
        #expect(problem.says("connection refused"))
    }

    @Test(arguments: [[], [0x30], Array(repeating: 0x30, count: 100)] as [[UInt8]])
    func `bytes that are no certificate are named so`(der: [UInt8]) {
        #expect(ProofCertificate(der: der).fault(name: "a.test", digest: Proof.digest)?.contains("cannot be read") == true)
    }
}

extension [UInt8] {
    fileprivate func holds(_ part: [UInt8]) -> Bool { indices.contains { self[$0...].starts(with: part) } }
}
