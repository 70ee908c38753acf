import NIOSSL
import PKIX
import Synchronization
import Web

/// The pair that HTTPS is served with at the moment: the context for new connections, and its certificate for whoever watches.
final class ServedTLS: Sendable {
    let box: TLSContextBox
    private let certificate: Mutex<Certificate509>

    /// - Throws: `.tlsFiles` without a certificate; what swift-nio-ssl says of a pair that cannot be used.
    init(_ pair: ServingPair) throws {
        box = TLSContextBox(try pair.context)
        certificate = Mutex(try Self.leaf(pair))
    }

    var leaf: Certificate509 { certificate.withLock { $0 } }

    /// New connections get this one; running ones keep theirs.
    func serve(_ pair: ServingPair) throws {
        let leaf = try Self.leaf(pair)
        box.current = try pair.context
        certificate.withLock { $0 = leaf }
    }

    private static func leaf(_ pair: ServingPair) throws -> Certificate509 {
        guard let leaf = pair.chain.first else { throw Failure(.tlsFiles, "The chain holds no certificate; name another file.") }
        return leaf
    }
}
