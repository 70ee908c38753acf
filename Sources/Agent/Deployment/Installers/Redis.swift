extension InstallerKind {
    /// Redis, whose `tls-cert-file` and `tls-key-file` are copies; set anew at run time, which breaks no connection. A password is taken from
    /// the environment, `REDISCLI_AUTH`.
    static let redis = InstallerKind(
        name: "redis",
        options: [
            "folder": "where the copies lie; /etc/redis/tls where nothing is said", "owner": "redis where nothing is said",
            "socket": "its socket for commands; else its port without TLS, 6379, on this host",
        ]
    ) { options throws(AgentError) in
        let folder = try options.path("folder") ?? "/etc/redis/tls"
        let socket = try options.path("socket").map { ["-s", $0] } ?? []
        let pair = Installer.pair(in: folder, owner: options["owner"] ?? "redis")
        return Installer(
            copies: pair,
            reload: [try program("redis-cli"), "-e"] + socket
                + ["CONFIG", "SET", "tls-cert-file", pair[0].path, "tls-key-file", pair[1].path],
            port: 6379)
    }
}
