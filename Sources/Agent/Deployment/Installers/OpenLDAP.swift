extension InstallerKind {
    /// OpenLDAP, which reads its files at the start alone, as a user of its own: copies, and a restart; seen over StartTLS.
    static let slapd = InstallerKind(
        name: "slapd",
        options: [
            "folder": "where the copies lie; /etc/ldap/tls where nothing is said", "owner": "openldap where nothing is said",
            "config": "slapd.conf, where it is not Debian's folder slapd.d",
            "restart": "a program that restarts it, where it is no service",
        ]
    ) { options throws(AgentError) in
        let folder = try options.path("folder") ?? "/etc/ldap/tls"
        let config = try options.path("config")
        let reload: [String]
        if let restart = try options.path("restart") {
            reload = [restart]
        } else {
            reload = [try program("systemctl"), "restart", "slapd"]
        }
        let owner = options["owner"] ?? "openldap"
        return Installer(
            copies: [
                Installer.Copy(content: .certificate, path: "\(folder)/cert.pem", mode: 0o644, owner: owner),
                Installer.Copy(content: .chain, path: "\(folder)/chain.pem", mode: 0o644, owner: owner),
                Installer.Copy(content: .key, path: "\(folder)/key.pem", mode: 0o600, owner: owner),
            ],
            check: [try program("slaptest"), "-Q", "-u"] + (config.map { ["-f", $0] } ?? []),
            reload: reload,
            greeting: .ldap, port: 389)
    }
}
