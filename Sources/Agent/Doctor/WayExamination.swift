import ACME
import ACMEClient
import DNS
import Foundation

/// Goes the way that a CA goes to a proof: each address of the name, its port, and the redirects behind it.
struct WayExamination: Sendable {
    /// The ports of http-01 and tls-alpn-01; others in tests.
    struct Ports: Sendable {
        var http = 80
        var https = 443
    }
    let ports: Ports
    let hints: HostHints
    let addresses: @Sendable (_ name: String) async -> [IPAddress]
    /// As Let's Encrypt does.
    static let mostRedirects = 10
    private static let path = "/.well-known/acme-challenge/chancery-doctor"

    /// - Parameter isPublic: whether a CA of the Internet is to come.
    func run(_ name: String, _ addresses: [IPAddress], _ method: ChallengeMethod?, isPublic: Bool) async -> [Finding] {
        var findings: [Finding] = []
        let found = addresses.map(WebAddress.init)
        let special = found.filter(\.isSpecial)
        if isPublic, !special.isEmpty {
            findings.append(
                Finding(
                    special.count == found.count ? .trouble : .warning, .address, name,
                    "it leads to \(special.map(\.text).joined(separator: ", ")), which no CA of the Internet reaches",
                    change:
                        "Make A and AAAA records with public addresses, prove by the DNS (--dns-hook), or use a CA of your own."))
        }
        guard method?.type != .dns01 else { return findings }
        let port = method?.type == .tlsALPN01 ? ports.https : ports.http
        var results: [(address: WebAddress, outcome: HTTPLook.Outcome)] = []
        for address in found.prefix(16) {
            let outcome = await look(name, at: address, port: port, method)
            results.append((address, outcome))
        }
        let reached = results.contains { $0.outcome.isConnection }
        for (address, outcome) in results {
            findings += judge(name, address, outcome, port, method, otherReached: reached)
        }
        for (address, outcome) in results {
            if case .answer(let status, let location) = outcome, status != 0 {
                findings += await follow(name, address, status, location)
            }
        }
        return findings
    }

    private func look(_ name: String, at address: WebAddress, port: Int, _ method: ChallengeMethod?) async -> HTTPLook.Outcome {
        switch method {
        case .webroot, nil: return await HTTPLook.get(name, Self.path, at: address.text, port: port, secure: false)
        // A server of its own is not there yet: only the way to its port can be looked at.
        case .standalone, .tlsALPN, .dnsHook: return await HTTPLook.connect(address.text, port: port)
        }
    }

    private func judge(
        _ name: String, _ address: WebAddress, _ outcome: HTTPLook.Outcome, _ port: Int, _ method: ChallengeMethod?,
        otherReached: Bool
    ) -> [Finding] {
        let place = address.with(port: port)
        let own: Bool
        switch method {
        case .standalone, .tlsALPN: own = true
        case .webroot, .dnsHook, nil: own = false
        }
        let isSix = address.isIPv6
        if isSix, !outcome.isConnection, !address.isSpecial, !hints.hasIPv6 {
            return [
                Finding(
                    .note, .address, place,
                    "whether this address of \(name) is reached cannot be seen from here, since this host has no IPv6 way out")
            ]
        }
        let useless = isSix && otherReached
        let remove = useless ? "Correct the AAAA record of \(name), or remove it: CAs try IPv6 first." : nil
        switch outcome {
        case .answer: return []
        case .noAnswer(let why):
            return [
                Finding(
                    .trouble, .port, place, "\(name): \(why)",
                    change: remove ?? "What listens there must be the web server, and speak HTTP on port \(port).")
            ]
        case .refused where own:
            // Nothing listens, and nothing is in the way: so it must be for a server that comes when it proves.
            return useless
                ? [
                    Finding(
                        .trouble, .address, place, "\(name): nothing listens there, unlike at its other addresses", change: remove
                    )
                ] : []
        case .refused:
            return [
                Finding(
                    .trouble, useless ? .address : .port, place, "\(name): nothing listens there",
                    change: remove
                        ?? (hints.listens(port) == false
                            ? "Start the web server, since nothing on this host listens on port \(port); or correct the record."
                            : "Start the web server there, let it listen on this address too, or correct the record."))
            ]
        case .timeout:
            return [
                Finding(
                    .trouble, useless ? .address : .port, place, "\(name): no answer within 5 s, as behind a firewall that drops",
                    change: remove
                        ?? (["Open port \(port) to the whole Internet in every firewall on the way."] + hints.filters).joined(
                            separator: " "))
            ]
        case .unreachable(let why):
            return [
                Finding(
                    .trouble, .address, place, "\(name): \(why)",
                    change: remove ?? "Correct the record: this address leads nowhere.")
            ]
        }
    }

    /// The chain of redirects from the first answer on, each hop judged as a CA judges it.
    private func follow(_ name: String, _ first: WebAddress, _ status: Int, _ location: String?) async -> [Finding] {
        var chain = ["http://\(name)"]
        var (status, location) = (status, location)
        var address = first
        var base = URL(string: "http://\(name)\(ports.http == 80 ? "" : ":\(ports.http)")\(Self.path)")
        var seen: Set<String> = [base?.absoluteString ?? ""]
        func trouble(_ text: String, _ change: String) -> [Finding] {
            [Finding(.trouble, .proof, name, "\(text) (\(chain.joined(separator: " -> ")))", change: change)]
        }
        while (300...399).contains(status), status != 304 {
            let answering = "Answer /.well-known/acme-challenge/ without redirecting."
            guard chain.count <= Self.mostRedirects else {
                return trouble("more than \(Self.mostRedirects) redirects", answering)
            }
            guard let target = location, target.utf8.count <= 2048, let next = URL(string: target, relativeTo: base)?.absoluteURL,
                let parts = URLComponents(url: next, resolvingAgainstBaseURL: true)
            else { return trouble("a redirect without a target that can be read", answering) }
            chain.append(next.absoluteString.sanitized)
            guard let scheme = parts.scheme?.lowercased(), ["http", "https"].contains(scheme) else {
                return trouble("a redirect to something else than http and https, which no CA follows", answering)
            }
            let port = parts.port ?? (scheme == "http" ? ports.http : ports.https)
            guard port == ports.http || port == ports.https else {
                return trouble("a redirect to port \(port), where no CA goes", "Redirect to ports 80 and 443 alone. \(answering)")
            }
            guard let host = parts.host?.lowercased(), !host.isEmpty, IPAddress(host) == nil, !host.hasPrefix("[") else {
                return trouble("a redirect to an address instead of a name, which CAs refuse", answering)
            }
            guard seen.insert(next.absoluteString).inserted else { return trouble("redirects in a circle", answering) }
            guard let to = await addresses(host).first.map(WebAddress.init) else {
                return trouble("a redirect to \(host), which has no address", "Correct the redirect. \(answering)")
            }
            // A stranger's redirect must not make this host look into its own network.
            guard !to.isSpecial || first.isSpecial else {
                return trouble(
                    "a redirect to \(host), which leads to \(to.text), where no CA of the Internet comes",
                    "Correct the redirect. \(answering)")
            }
            let path =
                (parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath)
                + (parts.percentEncodedQuery.map { "?\($0)" } ?? "")
            guard
                case .answer(let code, let following) = await HTTPLook.get(
                    host, path, at: to.text, port: port, secure: scheme == "https")
            else {
                return trouble(
                    "a redirect to where nothing answers (\(to.with(port: port)))", "Start what should answer there. \(answering)"
                )
            }
            (status, location, address, base) = (code, following, to, next)
        }
        var findings: [Finding] = []
        let place = "\(address.with(port: ports.http))"
        if chain.count > 1 {
            findings.append(Finding(.note, .proof, name, "the way to the proof is \(chain.joined(separator: " -> "))"))
        }
        switch status {
        case 404, 410: break
        case 200...299:
            findings.append(
                Finding(
                    .warning, .proof, name,
                    "what is not there is answered with \(status): a page for everything may stand in front of the proof",
                    change: "See that files below /.well-known/acme-challenge/ are served as they are."))
        default:
            findings.append(
                Finding(
                    status == 401 || status == 403 ? .trouble : .warning, .proof, name,
                    "the way to the proof ends with HTTP \(status) at \(place)",
                    change: "Let the web server serve /.well-known/acme-challenge/ to everybody."))
        }
        return findings
    }
}

extension HTTPLook.Outcome {
    /// Something accepted the connection.
    var isConnection: Bool {
        switch self {
        case .answer, .noAnswer: true
        case .refused, .timeout, .unreachable: false
        }
    }
}
