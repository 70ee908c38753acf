import ACME
import Foundation
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension CertificateAgent {
    /// What can be known to fail before the CA is asked, whose limits count failures.
    /// - Parameter lookups: whether names are looked up, which the CA is going to connect to.
    func preflight(_ names: [String], _ method: ChallengeMethod, lookups: Bool) async throws(AgentError) {
        if !method.provesWildcards, let wildcard = names.first(where: { $0.hasPrefix("*.") }) {
            throw .needsPerson("\(wildcard) is a wildcard, which only the DNS proves: use --dns-hook PROGRAM.")
        }
        let solver = solver(for: method, names: names)
        try await solver.prepare()
        await solver.finish()
        guard lookups, method.type != .dns01, let (name, reason) = await Self.withoutAddress(names).first else { return }
        throw .needsPerson(
            "This host finds no address for \(name) (\(reason)), and the CA connects to that address. Make an A or AAAA record for it; if the CA looks elsewhere, or the record is new, say --no-preflight."
        )
    }

    /// Names for which this host finds no address, and why.
    package static func withoutAddress(_ names: [String]) async -> [(name: String, reason: String)] {
        var missing: [(name: String, reason: String)] = []
        // `localhost` and what is below it is loopback by definition (RFC 6761 section 6.3), asked or not.
        for name in names where name != "localhost" && !name.hasSuffix(".localhost") {
            if let reason = await lookUp(name) { missing.append((name, reason)) }
        }
        return missing
    }

    /// - Returns: nil if the name has an address, else why not.
    private static func lookUp(_ name: String) async -> String? {
        try? await NIOThreadPool.singleton.runIfActive {
            var found: UnsafeMutablePointer<addrinfo>?
            defer { if let found { freeaddrinfo(found) } }
            let code = getaddrinfo(name, nil, nil, &found)
            return code == 0 ? nil : String(cString: gai_strerror(code))
        }
    }
}
