extension Setting {
    /// In the order of the reference page.
    static let all: [Setting] = listening + proxies + validating + issuing + storing + keys + running

    static func named(_ name: String) -> Setting? { all.first { $0.name == name } }

    private static let listening: [Setting] = [
        .one("listen", \.listen, .endpoint, "Where HTTPS is served: the ACME directory, the start page and the root certificate.")
            .with { $0.hasFlag = true },
        .one(
            "http-listen", \.httpListen, .endpoint,
            "Where plain HTTP is served: revocation lists, issuer certificates and the root certificate. Those are signed themselves."
        ).with { $0.hasFlag = true },
        .maybe(
            "metrics-listen", \.metricsListen, .endpoint, byDefault: "on both of the above", example: "127.0.0.1:9404",
            """
            Where plain HTTP is served for whoever watches: `/metrics`, `/readyz` and `/healthz`. When it is set, `/metrics` is there only and \
            no longer where strangers come; the other two stay there too, for load balancers.
            """
        ).with { $0.hasFlag = true },
        .maybe(
            "external-url", \.externalURL, .origin("https"), byDefault: "https://HOST:PORT of `listen`",
            example: "https://ca.example.org:8443",
            """
            The URL under which clients reach HTTPS. All ACME URLs begin with it, and clients keep them: choose it before the first \
            account is made. HOST is the address of `listen`, or the machine's host name when all addresses are served.
            """
        ).with { $0.hasFlag = true },
        .maybe(
            "http-external-url", \.httpExternalURL, .origin("http"),
            byDefault: "http://HOST:PORT of `external-url` and `http-listen`",
            example: "http://ca.example.org:8080",
            "The URL under which plain HTTP is reached. It is written into every certificate, as the place of its revocation list."
        ),
        .many(
            "names", \.names, .hostOrAddress, byDefault: "the host of `external-url`, localhost, 127.0.0.1, ::1",
            example: "ca.example.org",
            "The names and addresses in the server's own TLS certificate."),
        .maybe(
            "tls-certificate", \.tlsCertificate, .path, byDefault: "the server issues its own and renews it",
            example: "/etc/ssl/ca.example.org/fullchain.pem",
            "A certificate chain (PEM, leaf first) to serve HTTPS with, together with `tls-key`. Read again on SIGHUP."
        ).with {
            $0.hasFlag = true
            $0.isPath = true
        },
        .maybe(
            "tls-key", \.tlsKey, .path, byDefault: "the server makes its own", example: "/etc/ssl/ca.example.org/privkey.pem",
            "The private key (PEM, not encrypted) of `tls-certificate`."
        ).with {
            $0.hasFlag = true
            $0.isPath = true
        },
    ]

    private static let proxies: [Setting] = [
        .many(
            "trusted-proxies", \.trustedProxies, .proxies, byDefault: "none", example: "192.0.2.10",
            """
            Reverse proxies and load balancers in front, by address or network. Only they are believed when they say whom a request comes from \
            (`forwarded-header`, `proxy-protocol`), and `limit-connections-per-address` does not count them.
            """),
        .one(
            "forwarded-header", \.forwardedHeader, .choice,
            """
            The header field in which the trusted proxies name their clients: `forwarded` (RFC 7239) or `x-forwarded` (`X-Forwarded-For`). The \
            last address in it that is no trusted proxy is the client. Choose the one that the proxies write; the other is let through as clients \
            send it. Scheme and host are never taken from a header: `external-url` says them.
            """),
        .one(
            "proxy-protocol", \.proxyProtocol, .choice,
            """
            `on`: connections of trusted proxies begin with the PROXY protocol's header, version 1 or 2, before TLS; one that does not is closed. \
            Connections of all others begin as usual. For all listeners.
            """),
        .maybe(
            "plain-listen", \.plainListen, .endpoint, byDefault: "none", example: "127.0.0.1:8081",
            """
            Where the whole service is served over plain HTTP, for trusted proxies that speak TLS with the clients. Everyone else is refused \
            there. Needs `trusted-proxies` and `external-url`.
            """
        ).with { $0.hasFlag = true },
    ]

    private static let validating: [Setting] = [
        .one(
            "http01-port", \.http01Port, .number(1...65535),
            "The port that http-01 asks. RFC 8555 says 80; another one is for tests."
        )
        .with { $0.hasFlag = true },
        .one(
            "tls-alpn01-port", \.tlsALPN01Port, .number(1...65535),
            "The port that tls-alpn-01 asks. RFC 8737 says 443; another one is for tests."
        ).with { $0.hasFlag = true },
        .many(
            "resolver", \.resolvers, .resolver, byDefault: "the system's", example: "192.0.2.53",
            "DNS servers to ask, by address."
        ).with { $0.hasFlag = true },
        .many(
            "allow-address", \.allowedAddresses, .network, byDefault: "none", example: "127.0.0.0/8",
            """
            Networks that validation may connect to although they are closed by default: loopback, link-local, metadata services, \
            multicast and the server's own addresses. Private ranges (10.0.0.0/8 and the like) are open anyway.
            """
        ).with { $0.hasFlag = true },
        .one("validation-attempts", \.validationAttempts, .number(1...10), "How often a challenge is tried before it fails."),
        .one("validation-deadline", \.validationDeadline, .duration(1...120), "How long one try of a challenge may take in all."),
    ]

    private static let issuing: [Setting] = [
        .one(
            "authority-name", \.authorityName, .text(upTo: 40),
            "The common name of the root and intermediate begins with it. Used when they are made; changing it later changes nothing."
        ),
        .maybe(
            "organisation", \.organisation, .text(upTo: 64), byDefault: "none", example: "Example Ltd",
            "The organisation in the names of root and intermediate. Used when they are made; changing it later changes nothing."),
        .one(
            "certificate-lifetime", \.certificateLifetime, .duration(300...3650 * 86_400),
            "How long a certificate is valid (first and last second included), but never beyond the intermediate's end."),
        .one(
            "backdate", \.backdate, .duration(0...86_400),
            "How far a certificate's begin lies in the past, for clients whose clock is late."),
        .one("order-lifetime", \.orderLifetime, .duration(300...90 * 86_400), "How long an order may be worked on."),
        .one(
            "authorization-lifetime", \.authorizationLifetime, .duration(300...398 * 86_400),
            "How long a proof of control over a name counts for further orders of the account."),
        .one("max-names", \.maximumNames, .number(1...1000), "The most names in one certificate."),
        .one(
            "crl-lifetime", \.crlLifetime, .duration(3600...365 * 86_400),
            "How long a revocation list is valid. A new one is signed long before, and within a minute of a revocation."),
        .maybe(
            "terms-of-service", \.termsOfService, .link, byDefault: "none", example: "https://ca.example.org/terms",
            "Terms that an account must agree to. Shown in the directory."),
        .maybe(
            "website", \.website, .link, byDefault: "none", example: "https://ca.example.org/",
            "Shown in the directory, for people."),
        .many(
            "caa-identities", \.caaIdentities, .domain, byDefault: "none", example: "ca.example.org",
            "The names by which CAA records mean this authority. Shown in the directory."),
    ]

    private static let storing: [Setting] = [
        .maybe(
            "database", \.database, .database, byDefault: "chancery.sqlite in the data folder",
            example: "postgresql://chancery@db.example.org/chancery?sslmode=verify-full",
            """
            Where accounts, orders and certificates are kept. PostgreSQL 14 or newer takes any number of servers; a SQLite file takes \
            one. A relative PATH begins in the data folder.
            """
        ).with {
            $0.hasFlag = true
            $0.mayHoldSecret = true
        },
        .maybe(
            "database-password-file", \.databasePasswordFile, .path,
            byDefault: "the systemd credential database-password, else PGPASSFILE", example: "/run/keys/chancery-database",
            "A file (mode 0600) whose first line is the password of the role in `database`."
        ).with {
            $0.isPath = true
        },
    ]

    private static let keys: [Setting] = [
        .maybe(
            "passphrase-file", \.passphraseFile, .path, byDefault: "intermediate.passphrase in the data folder",
            example: "/run/keys/chancery", "A file (mode 0600) whose first line opens the intermediate's key."
        ).with {
            $0.isPath = true
        },
        .maybe(
            "passphrase-env", \.passphraseEnvironment, .name, byDefault: "CHANCERY_INTERMEDIATE_PASSPHRASE",
            example: "CA_PASSPHRASE",
            "The environment variable that holds the passphrase of the intermediate's key."),
        .maybe(
            "passphrase-credential", \.passphraseCredential, .name, byDefault: "intermediate-passphrase",
            example: "ca-passphrase",
            "The systemd credential (LoadCredential=) that holds the passphrase of the intermediate's key."),
        .maybe(
            "intermediate-passphrase", \.intermediatePassphrase, .text(upTo: 1024), byDefault: "none", example: "",
            "The passphrase of the intermediate's key itself. Only from the environment: a secret does not belong into this file or on a command line."
        ).with {
            $0.isSecret = true
            $0.place = .environmentOnly
        },
    ]

    private static let running: [Setting] = [
        .one("log-format", \.logFormat, .choice, "One line per event on standard error, for people or for programs.")
            .with { $0.hasFlag = true },
        .one("log-level", \.logLevel, .choice, "The least important event that is logged.").with { $0.hasFlag = true },
        .one(
            "tracing", \.tracing, .choice,
            "Whether each request leaves spans of time in the log, a line for each: for finding out where time goes, not for every day."
        ),
        .one(
            "max-connections", \.maximumConnections, .number(16...1_000_000),
            """
            The most connections at a time, for each listener; further ones wait in the system's queue, and when nearly all are taken, idle ones \
            are closed after 5 s. Bounded by the file descriptors that the system grants (LimitNOFILE=, `ulimit -Hn`).
            """),
        .one(
            "limit-connections-per-address", \.connectionsPerAddress, .number(1...1_000_000),
            "The most connections at a time from one address, for each listener; further ones are closed as they come. Trusted proxies are not counted."
        ),
        .one("drain", \.drain, .duration(1...600), "How long requests in flight may take after SIGTERM before they are cut off."),
        .one(
            "drain-delay", \.drainDelay, .duration(0...600),
            """
            How long after SIGTERM the server goes on as before, while `/readyz` already says no: as long as a load balancer takes to notice. \
            Only then it stops listening.
            """),
    ]
}
