extension InstallerKind {
    /// nginx, whose `ssl_certificate` and `ssl_certificate_key` point into `served/NAME`. It reloads without dropping a connection.
    static let nginx = InstallerKind(
        name: "nginx", options: ["config": "the configuration file, where it is not nginx's own"]
    ) { options throws(AgentError) in
        let nginx = try program("nginx")
        let config = try options.path("config").map { ["-c", $0] } ?? []
        return Installer(check: [nginx, "-t", "-q"] + config, reload: [nginx, "-s", "reload"] + config, port: 443)
    }
}
