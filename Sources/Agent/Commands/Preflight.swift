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
        guard lookups, method.type != .dns01 else { return }
        for name in names {
            guard let reason = await Self.lookUp(name) else { continue }
            throw .needsPerson(
                "\(name) has no address (\(reason)), so the CA could not connect to it. Make its A or AAAA record first, or skip this check with --no-preflight."
            )
        }
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
