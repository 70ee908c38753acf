internal import ACME
package import DNS
package import NIOCore
internal import Synchronization

/// The one way out to whatever a stranger named. Every name is resolved once per hop, every address is checked against the policy,
/// and exactly the address that was checked is connected to. Bytes are bounded here, time by `Validator`.
package struct Reach: Sendable {
    let resolver: Resolver
    let policy: AddressPolicy
    let http01Port: Int
    let tlsALPN01Port: Int
    let deadline: Duration
    let dialer: Dialer
    let deadlines = Deadlines()
    /// Where the present validation stands.
    var trail = Trail()

    /// - Parameters:
    ///   - http01Port: where http-01 begins; with 80, 443 and the next, the only ports that redirects may lead to.
    ///   - tlsALPN01Port: where tls-alpn-01 is asked. It stands in for 443, and only therefore may redirects lead there.
    ///   - deadline: upper bound of one whole validation, with DNS and redirects.
    package init(
        resolver: Resolver, policy: AddressPolicy, http01Port: Int = 80, tlsALPN01Port: Int = 443,
        deadline: Duration = .seconds(20),
        group: any EventLoopGroup
    ) {
        (self.resolver, self.policy, self.deadline) = (resolver, policy, deadline)
        (self.http01Port, self.tlsALPN01Port, dialer) = (http01Port, tlsALPN01Port, Dialer(group: group))
    }

    func isWebPort(_ port: Int) -> Bool { [80, 443, http01Port, tlsALPN01Port].contains(port) }

    func leaving(_ trail: Trail) -> Reach {
        var copy = self
        copy.trail = trail
        return copy
    }

    /// One GET, redirects not followed. The request says nothing about this server but that it is one.
    func get(_ target: WebTarget) async throws(Problem) -> (IPAddress, WebAnswer) {
        let request = """
            GET \(target.path) HTTP/1.1\r
            Host: \(target.authority)\r
            User-Agent: Chancery (ACME validation; RFC 8555 section 8.3)\r
            Accept: */*\r
            Connection: close\r
            \r\n
            """
        let name: String? = if target.scheme == .http { nil } else if case .name(let name) = target.host { name } else { "" }
        return try await first(of: permitted(target.host), target.port, asking: "\(target)") { address, patience throws(Mishap) in
            try await dialer.exchange(request, address, target.port, tls: name, patience: patience)
        }
    }

    /// The handshake of tls-alpn-01, with the first address that can be connected to.
    func handshake(_ name: String) async throws(Problem) -> (IPAddress, Handshake) {
        try await first(of: permitted(.name(name)), tlsALPN01Port, asking: "\(name) by TLS") { address, patience throws(Mishap) in
            try await dialer.handshake(name, address, tlsALPN01Port, patience: patience)
        }
    }

    func txt(_ name: String) async throws(LookupFailure) -> [[UInt8]] {
        trail.note("waiting for the TXT records of \(name)")
        return try await resolver.txt(name)
    }

    /// The addresses of a host that may be connected to, in the order to try.
    private func permitted(_ host: WebTarget.Host) async throws(Problem) -> [IPAddress] {
        let found: [IPAddress]
        switch host {
        case .address(let address): found = [address]
        case .name(let name):
            trail.note("waiting for the addresses of \(name)")
            do {
                found = try await resolver.addresses(of: name)
            } catch {
                throw Problem(
                    .dns, 400,
                    "The \(error.type) records of \(name) could not be looked up: \(error.reason). "
                        + "Publish an A or AAAA record where this server's resolver finds it.")
            }
        }
        let usable = found.filter(policy.permits)
        guard usable.isEmpty else {
            // Two of each family bound the time; IPv6 goes first.
            return [IPAddress.Family.v6, .v4].flatMap { family in usable.filter { $0.family == family }.prefix(2) }
        }
        let reasons = found.prefix(4).compactMap { policy.refusal(of: $0)?.description }.joined(separator: "; ")
        throw Problem(.connection, 400, "\(host) was not connected to: \(reasons.isEmpty ? "it has no address" : reasons).")
    }

    private func first<Answer>(
        of addresses: [IPAddress], _ port: Int, asking what: String,
        _ ask: (IPAddress, TimeAmount) async throws(Mishap) -> Answer
    ) async throws(Problem) -> (IPAddress, Answer) {
        var failures: [String] = []
        for (index, address) in addresses.enumerated() {
            let isLast = index == addresses.count - 1
            trail.note("asking \(address) port \(port) for \(what)")
            // What is behind a dead IPv6 address should still get its turn.
            do {
                return (address, try await ask(address, isLast ? .seconds(60) : .seconds(4)))
            } catch {
                switch error {
                case .unreachable(let reason):
                    failures.append("\(address) port \(port): \(reason)")
                    if !isLast { continue }
                    throw Problem(
                        .connection, 400,
                        "Asking for \(what), no connection could be made to \(failures.joined(separator: ", nor to ")). "
                            + "Let this server reach port \(port) of the host.")
                case .tls(let reason):
                    throw Problem(.tls, 400, "Asking \(address) port \(port) for \(what), the TLS handshake failed: \(reason).")
                case .answer(let reason):
                    throw Problem(.connection, 400, "Asking \(address) port \(port) for \(what): the answer \(reason).")
                case .lost(let reason):
                    throw Problem(
                        .connection, 400, "Asking \(address) port \(port) for \(what), the connection failed: \(reason).")
                case .cancelled: throw Problem(.serverInternal, 503, "The validation was interrupted.")
                case .short(let of): throw Problem(.serverInternal, 503, "This server has no \(of) left; it will ask again.")
                }
            }
        }
        throw Problem(.connection, 400, "Asking for \(what): there is no address to connect to.")
    }
}

/// Where a validation stands, for the problem of one that ran out of time.
final class Trail: Sendable {
    private let state = Mutex<(step: String, overdueAt: String?)>(("beginning", nil))

    func note(_ step: String) { state.withLock { $0.step = step } }

    /// The time is over.
    func end() { state.withLock { $0.overdueAt = $0.step } }

    /// Where it stood when the time was over; nil when it was not.
    var overdueAt: String? { state.withLock { $0.overdueAt } }
}
