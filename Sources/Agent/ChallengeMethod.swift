package import ACME

/// How this host proves control of its names. Kept with the certificate, so that renewal needs no flags.
package enum ChallengeMethod: Sendable, Hashable, Codable {
    /// http-01 by a server of our own on this port, which the CA reaches as port 80.
    case standalone(port: Int)
    /// tls-alpn-01 by a server of our own on this port, which the CA reaches as port 443.
    case tlsALPN(port: Int)
    /// http-01 by a file below this folder, which a web server already serves. Absolute.
    case webroot(String)
    /// dns-01 by a program; see `DNSHook`. Absolute.
    case dnsHook(String)

    package var type: ChallengeType {
        switch self {
        case .standalone, .webroot: .http01
        case .tlsALPN: .tlsALPN01
        case .dnsHook: .dns01
        }
    }

    /// Only dns-01 proves control of a wildcard's domain.
    package var provesWildcards: Bool { type == .dns01 }

    /// `a server of its own on port 80`
    package var how: String {
        switch self {
        case .standalone(let port): "a server of its own on port \(port)"
        case .tlsALPN(let port): "a TLS server of its own on port \(port)"
        case .webroot(let folder): "a file below \(folder)"
        case .dnsHook(let program): "the program \(program)"
        }
    }

    /// The command line's flags for this method.
    package var flags: [String] {
        switch self {
        case .standalone(80): ["--standalone"]
        case .standalone(let port): ["--standalone", "--http01-port", "\(port)"]
        case .tlsALPN(443): ["--tls-alpn"]
        case .tlsALPN(let port): ["--tls-alpn", "--tls-alpn01-port", "\(port)"]
        case .webroot(let folder): ["--webroot", folder]
        case .dnsHook(let program): ["--dns-hook", program]
        }
    }

    private enum Name: String, CodingKey { case type, port, folder, program }
    private enum Kind: String, Codable {
        case standalone, webroot
        case tlsALPN = "tls-alpn"
        case dnsHook = "dns-hook"
    }

    package init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Name.self)
        switch try members.decode(Kind.self, forKey: .type) {
        case .standalone: self = .standalone(port: try members.decode(Int.self, forKey: .port))
        case .tlsALPN: self = .tlsALPN(port: try members.decode(Int.self, forKey: .port))
        case .webroot: self = .webroot(try members.decode(String.self, forKey: .folder))
        case .dnsHook: self = .dnsHook(try members.decode(String.self, forKey: .program))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: Name.self)
        switch self {
        case .standalone(let port):
            try members.encode(Kind.standalone, forKey: .type)
            try members.encode(port, forKey: .port)
        case .tlsALPN(let port):
            try members.encode(Kind.tlsALPN, forKey: .type)
            try members.encode(port, forKey: .port)
        case .webroot(let folder):
            try members.encode(Kind.webroot, forKey: .type)
            try members.encode(folder, forKey: .folder)
        case .dnsHook(let program):
            try members.encode(Kind.dnsHook, forKey: .type)
            try members.encode(program, forKey: .program)
        }
    }
}

/// The key of a certificate.
package enum KeyType: String, Sendable, Codable, CaseIterable {
    case p256, p384, p521, rsa2048, rsa3072, rsa4096
}
