import Foundation

/// What the server is called from outside, once its ports are known.
struct Addresses: Sendable, Equatable {
    /// `https://HOST:PORT`, no slash at the end.
    let external: String
    /// `http://HOST:PORT` of revocation lists and issuer certificates.
    let publication: String
    /// For the server's own certificate: DNS names in lower case, and addresses.
    let names: [String]

    /// - Parameters:
    ///   - listen, httpListen: with the ports that were bound.
    ///   - machine: the machine's host name; used when all addresses are served and no URL is set.
    init(_ settings: Settings, listen: Endpoint, httpListen: Endpoint, machine: String) {
        let host: String
        if let url = settings.externalURL, let named = URLComponents(string: url)?.host {
            host = named.hasPrefix("[") ? String(named.dropFirst().dropLast()) : named
        } else if settings.listen.isEveryAddress {
            host = isHostName(machine) ? machine.lowercased() : "localhost"
        } else {
            host = settings.listen.host.lowercased()
        }
        external = settings.externalURL ?? "https://" + Self.authority(host, listen.port, usual: 443)
        publication = settings.httpExternalURL ?? "http://" + Self.authority(host, httpListen.port, usual: 80)
        let wanted = settings.names.isEmpty ? [host, "localhost", "127.0.0.1", "::1"] : settings.names
        names = wanted.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    var directory: String { "\(external)/acme/default/directory" }

    private static func authority(_ host: String, _ port: Int, usual: Int) -> String {
        let bare = host.contains(":") ? "[\(host)]" : host
        return port == usual ? bare : "\(bare):\(port)"
    }
}

/// The machine's own name as the system tells it; empty when it tells none.
func machineName() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Three lines that can be copied: how a client that nobody here wrote, another, and ours get a first certificate.
func firstCertificateLines(directory: String, root: String) -> [String] {
    let (root, directory) = (quotedForShell(root), quotedForShell(directory))
    return [
        "A first certificate, on the machine that www.example.org names:",
        "  certbot:   REQUESTS_CA_BUNDLE=\(root) certbot certonly --standalone --server \(directory) --agree-tos -m you@example.org -d www.example.org",
        "  lego:      LEGO_CA_CERTIFICATES=\(root) lego --server \(directory) --accept-tos --email you@example.org --http --domains www.example.org run",
        "  chancery:  chancery issue --ca \(directory) --ca-root \(root) --agree-tos -m you@example.org --standalone -d www.example.org",
    ]
}

/// As it is where a shell takes it so, in single quotes otherwise.
func quotedForShell(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
            || [0x2F, 0x2E, 0x2D, 0x5F, 0x3A, 0x40, 0x2B].contains($0)
    }
    return isPlain && !text.isEmpty ? text : "'" + text.replacing("'", with: "'\\''") + "'"
}
