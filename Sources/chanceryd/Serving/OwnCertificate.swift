import Authority
import Foundation
import Logging
import PKIX
import ServiceLifecycle
import Signing
import Store
import UnixSignals
import Web

/// The server's own TLS certificate, issued by the authority it serves and renewed while it runs.
struct OwnCertificate: Sendable {
    let path: String
    /// DNS names and addresses that it must bear.
    let names: [String]
    let authority: CertificateAuthority
    let around: Surroundings
    let logger: Logger

    private var dnsNames: [String] { names.filter { IPAddressText($0) == nil } }
    private var addresses: [[UInt8]] { names.compactMap { IPAddressText($0)?.bytes } }

    /// The pair on disk if it will do, else a new one, written before it is returned.
    /// - Throws: `Refusal`, `Failure`, `Unacceptable`.
    func current() async throws -> ServingPair {
        if let pair = ServingPair(own: path), willDo(pair), !isDue(pair) { return pair }
        return try await renewed()
    }

    func renewed() async throws -> ServingPair {
        let key = try CertificateKey(.p256)
        let chain = try await authority.issueOwn(names: dnsNames, addresses: addresses, publicKey: key.publicKey)
        let pair = ServingPair(chain: try chain.map { try Certificate509(der: $0) }, key: key)
        try pair.write(to: path)
        logger.notice("own TLS certificate issued", metadata: ["serial": "\(pair.chain.first?.serialText ?? "")"])
        return pair
    }

    /// Of this issuer and for these names.
    private func willDo(_ pair: ServingPair) -> Bool {
        guard let leaf = pair.chain.first else { return false }
        return leaf.isSigned(by: authority.issuer.certificate) && Set(leaf.dnsNames) == Set(dnsNames)
            && (try? leaf.tbs.addresses()).map { Set($0) == Set(addresses) } == true
    }

    /// From one third of the lifetime before the end.
    func isDue(_ pair: ServingPair) -> Bool { around.now() >= dueDate(pair) }

    private func dueDate(_ pair: ServingPair) -> Date {
        guard let leaf = pair.chain.first else { return .distantPast }
        return leaf.notAfter.addingTimeInterval(-leaf.notAfter.timeIntervalSince(leaf.notBefore) / 3)
    }
}

/// Renews until shutdown. What fails is tried again after a minute; the old certificate is served meanwhile.
struct OwnCertificateRenewal: Service {
    let own: OwnCertificate
    let served: ServedTLS

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var wait = Duration.seconds(3600)
            while (try? await own.around.sleep(wait)) != nil {
                wait = .seconds(3600)
                do {
                    if let pair = ServingPair(own: own.path), !own.isDue(pair) { continue }
                    try served.serve(try await own.renewed())
                } catch {
                    own.logger.error("own TLS certificate could not be renewed", metadata: ["error": "\(error)"])
                    wait = .seconds(60)
                }
            }
        }
    }
}

/// Reads `tls-certificate` and `tls-key` again on SIGHUP. Files that cannot be used are logged and the old pair is served on.
struct TLSFilesReload: Service {
    let certificate: String
    let key: String
    let served: ServedTLS
    let logger: Logger

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            do {
                try served.serve(ServingPair(certificate: certificate, key: key))
                logger.notice("TLS files read again")
            } catch {
                logger.error("TLS files cannot be used; the old ones are served on", metadata: ["error": "\(error)"])
            }
        }
    }
}
