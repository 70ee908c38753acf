extension InstallerKind {
    /// MariaDB, whose `ssl_cert` and `ssl_key` point to copies of its own. `FLUSH SSL` reads them anew and breaks no connection; seen after the
    /// server's first packet.
    static let mariadb = InstallerKind(
        name: "mariadb",
        options: [
            "folder": "where the copies lie; /etc/mysql/tls where nothing is said", "owner": "mysql where nothing is said",
            "client": "a file for --defaults-extra-file of the client, with socket, user and password where root's own do not do",
        ]
    ) { options throws(AgentError) in
        let folder = try options.path("folder") ?? "/etc/mysql/tls"
        let client = try options.path("client").map { ["--defaults-extra-file=\($0)"] } ?? []
        return Installer(
            copies: Installer.pair(in: folder, owner: options["owner"] ?? "mysql"),
            reload: [try program("mariadb")] + client + ["-e", "FLUSH SSL"], greeting: .mysql, port: 3306)
    }
}
