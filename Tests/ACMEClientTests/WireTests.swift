import ACME
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import TestSupport
import Testing

@testable import ACMEClient

/// A TLS server that answers in ways no ACME server should.
private struct RudeServer {
    let channel: any Channel
    let root: String
    let url: String

    init() async throws {
        let folder = try TemporaryFolder()
        try await Program.succeed(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem",
            ], folder: folder.path)
        root = try String(contentsOfFile: folder.path("cert.pem"), encoding: .utf8)
        let chain = try NIOSSLCertificate.fromPEMFile(folder.path("cert.pem")).map { NIOSSLCertificateSource.certificate($0) }
        let key = try NIOSSLPrivateKey(file: folder.path("key.pem"), format: .pem)
        let context = try NIOSSLContext(
            configuration: .makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key)))
        channel = try await ServerBootstrap(group: NIOSingletons.posixEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(NIOSSLServerHandler(context: context))
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(RudeHandler())
                }
            }.bind(host: "127.0.0.1", port: 0).get()
        url = "https://localhost:\(try #require(channel.localAddress?.port))"
    }

    func client(_ path: String, trusted: Bool = true, timeout: Duration = .seconds(20)) throws -> ACMEClient {
        var configuration = ACMEClient.Configuration(product: "test/1")
        configuration.trustRoots = trusted ? [root] : []
        configuration.requestTimeout = timeout
        return try ACMEClient(directory: url + path, configuration: configuration)
    }
}

private final class RudeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let request) = unwrapInboundIn(data) else { return }
        var head = HTTPResponseHead(version: .http1_1, status: .ok)
        switch request.uri {
        case "/huge":
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            let piece = ByteBuffer(repeating: UInt8(ascii: " "), count: 1 << 18)
            for _ in 0..<40 { context.write(wrapOutboundOut(.body(.byteBuffer(piece))), promise: nil) }
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        case "/drip":
            // A head, a byte, and no end.
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "{")))), promise: nil)
        case "/silent": break
        case "/close": context.close(promise: nil)
        case "/html":
            head.headers = ["Content-Type": "text/html", "Content-Length": "11"]
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "<h1>hi</h1>")))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        default:
            let text = ClientTests.directory
            head.headers = ["Content-Type": "application/json", "Content-Length": "\(text.utf8.count)"]
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}

struct WireTests {
    @Test func `over real TLS: a good directory, and each rudeness is its own error`() async throws {
        let server = try await RudeServer()
        #expect(try await server.client("/dir").directory().newNonce == "https://ca.test/nonce")
        await #expect(throws: ACMEClientError.tooLarge(limit: 1 << 20, url: server.url + "/huge")) {
            try await server.client("/huge").directory()
        }
        for path in ["/drip", "/silent"] {
            let error = await failure(try server.client(path, timeout: .milliseconds(300)))
            #expect({ if case .transport = error { true } else { false } }(), "\(path): \(error)")
        }
        let closed = await failure(try server.client("/close"))
        #expect({ if case .transport = closed { true } else { false } }(), "\(closed)")
        let page = await failure(try server.client("/html"))
        #expect({ if case .notACME(_, status: 200, _) = page { true } else { false } }(), "\(page)")
        let stranger = await failure(try server.client("/dir", trusted: false))
        #expect({ if case .untrusted = stranger { true } else { false } }(), "\(stranger)")
        #expect("\(stranger)".contains("no trusted root signed its certificate"), "\(stranger)")
        try await server.channel.close()
        let gone = await failure(try server.client("/dir"))
        #expect({ if case .transport = gone { true } else { false } }(), "\(gone)")
    }

    private func failure(_ client: ACMEClient) async -> ACMEClientError {
        do throws(ACMEClientError) {
            _ = try await client.directory()
            return .input("no failure at all")
        } catch { return error }
    }

    @Test func `a cancelled request ends at once`() async throws {
        let server = try await RudeServer()
        let client = try server.client("/silent", timeout: .seconds(600))
        let task = Task { try await client.directory() }
        task.cancel()
        await #expect(throws: ACMEClientError.cancelled) { try await task.value }
        try await server.channel.close()
    }

    @Test func `a root that is no certificate is the caller's mistake`() {
        var configuration = ACMEClient.Configuration()
        configuration.trustRoots = ["-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n"]
        #expect(throws: ACMEClientError.self) { try ACMEClient(directory: "https://ca.test/", configuration: configuration) }
    }
}
