import ACMEClient
import Foundation
import Synchronization

/// One client for each CA, so that a pass over many certificates keeps its connections, nonces and directory; for an hour, since
/// directories change.
final class ClientCache: Sendable {
    private struct Entry {
        let client: ACMEClient
        let roots: [String]
        let made: Date
    }
    private let entries = Mutex<[String: Entry]>([:])

    /// - Parameters:
    ///   - ca: directory URL.
    ///   - roots: PEM; another client for others.
    func client(
        _ ca: String, roots: [String], now: Date, make: () throws(ACMEClientError) -> ACMEClient
    ) throws(ACMEClientError) -> ACMEClient {
        let known = entries.withLock { $0[ca] }
        if let known, known.roots == roots, abs(now.timeIntervalSince(known.made)) < 3600 { return known.client }
        let client = try make()
        entries.withLock { $0[ca] = Entry(client: client, roots: roots, made: now) }
        return client
    }
}

extension CertificateAgent {
    func client(_ ca: String, roots: [String]) throws(ACMEClientError) -> ACMEClient {
        var settings = configuration
        settings.trustRoots = roots
        return try clients.client(ca, roots: roots, now: configuration.now()) { [settings] () throws(ACMEClientError) in
            try connect(ca, settings)
        }
    }
}
