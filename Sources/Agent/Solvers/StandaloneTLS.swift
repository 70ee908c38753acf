import ACME
import Crypto
import Foundation
import NIOCore
import NIOSSL
import SwiftASN1
import Synchronization
import X509

/// tls-alpn-01 by a server of its own (RFC 8737): it speaks `acme-tls/1` alone, shows each live name its certificate with the
/// key authorization's digest, and fails the handshake for every other name.
final class StandaloneTLS: Solver {
    private let port: Int
    private let listener = Mutex<Listener?>(nil)
    private let identities = LiveIdentities()

    init(port: Int) { self.port = port }

    func prepare() async throws(AgentError) {
        let identities = identities
        let context: NIOSSLContext
        do {
            let nobody = try Identity(name: "invalid", digest: [UInt8](repeating: 0, count: 32))
            var tls = TLSConfiguration.makeServerConfiguration(
                certificateChain: [.certificate(nobody.certificate)], privateKey: .privateKey(nobody.key))
            tls.minimumTLSVersion = .tlsv12
            tls.applicationProtocols = ["acme-tls/1"]
            tls.sslContextCallback = { values, promise in
                let name = values.serverHostname?.lowercased() ?? ""
                guard let identity = identities.byName.withLock({ $0[name] }) else { return promise.fail(UnknownName()) }
                var wanted = NIOSSLContextConfigurationOverride()
                wanted.certificateChain = [.certificate(identity.certificate)]
                wanted.privateKey = .privateKey(identity.key)
                promise.succeed(wanted)
            }
            context = try NIOSSLContext(configuration: tls)
        } catch { throw .failed("Cannot set up TLS for tls-alpn-01: \(error)") }
        let bound = try await Listener.bind(port: port) { channel in
            try channel.pipeline.syncOperations.addHandlers([NIOSSLServerHandler(context: context), HangUp()])
        }
        listener.withLock { $0 = bound }
    }

    func present(_ answer: ChallengeAnswer) async throws(AgentError) {
        do {
            let identity = try Identity(name: answer.name, digest: answer.keyAuthorization.digest)
            identities.byName.withLock { $0[answer.name.lowercased()] = identity }
        } catch { throw .failed("Cannot make the certificate for tls-alpn-01: \(error)") }
    }

    func remove(_ answer: ChallengeAnswer) async throws(AgentError) {
        identities.byName.withLock { $0[answer.name.lowercased()] = nil }
    }

    func finish() async {
        let bound = listener.withLock { bound in
            defer { bound = nil }
            return bound
        }
        await bound?.close()
    }
}

private struct UnknownName: Error {}

private final class LiveIdentities: Sendable {
    let byName = Mutex<[String: Identity]>([:])
}

/// A self-signed certificate with one name and the critical acmeIdentifier extension (RFC 8737 section 3).
private struct Identity: Sendable {
    let certificate: NIOSSLCertificate
    let key: NIOSSLPrivateKey

    init(name: String, digest: [UInt8]) throws {
        let key = P256.Signing.PrivateKey()
        let subject = try DistinguishedName { CommonName("ACME challenge") }
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey), notValidBefore: Date() - 3600,
            notValidAfter: Date() + 86_400, issuer: subject, subject: subject, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions {
                SubjectAlternativeNames([.dnsName(name)])
                Certificate.Extension(oid: [1, 3, 6, 1, 5, 5, 7, 1, 31], critical: true, value: [0x04, 0x20] + digest[...])
            }, issuerPrivateKey: .init(key))
        self.certificate = try NIOSSLCertificate(bytes: Array(certificate.serializeAsPEM().derBytes), format: .der)
        self.key = try NIOSSLPrivateKey(bytes: Array(key.derRepresentation), format: .der)
    }
}

/// Nothing is said inside this TLS.
private final class HangUp: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.close(promise: nil) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
