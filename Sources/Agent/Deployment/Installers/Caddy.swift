extension InstallerKind {
    /// Caddy with certificates of one's own (`tls CERT KEY`): copies, since it runs as a user that cannot read the store.
    static let caddy = InstallerKind(
        name: "caddy",
        options: [
            "config": "the configuration file; /etc/caddy/Caddyfile where nothing is said",
            "address": "of its admin API, where it is not localhost:2019",
            "folder": "where the copies lie; /etc/caddy/tls where nothing is said", "owner": "caddy where nothing is said",
        ]
    ) { options throws(AgentError) in
        let config = try options.path("config") ?? "/etc/caddy/Caddyfile"
        let folder = try options.path("folder") ?? "/etc/caddy/tls"
        let caddy = try program("caddy")
        return Installer(
            copies: Installer.pair(in: folder, owner: options["owner"] ?? "caddy"),
            check: [caddy, "validate", "--config", config],
            // Its configuration has not changed, only what it points to.
            reload: [caddy, "reload", "--force", "--config", config] + (options["address"].map { ["--address", $0] } ?? []),
            port: 443)
    }
}
