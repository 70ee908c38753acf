extension InstallerKind {
    /// PostgreSQL, which reads as a user of its own and wants its key closed to others: copies in its data folder, `server.crt` and
    /// `server.key`; seen over its SSLRequest.
    static let postgresql = InstallerKind(
        name: "postgresql",
        options: [
            "data": "the data folder", "owner": "whom the key is to belong to; postgres where nothing is said",
            "control": "pg_ctl, where it is not on the path",
        ]
    ) { options throws(AgentError) in
        guard let data = try options.path("data") else {
            throw .needsPerson("postgresql wants data=FOLDER, such as data=/var/lib/postgresql/15/main.")
        }
        let owner = options["owner"] ?? "postgres"
        let control: String
        if let given = try options.path("control") { control = given } else { control = try program("pg_ctl") }
        return Installer(
            copies: [
                Installer.Copy(content: .fullchain, path: "\(data)/server.crt", mode: 0o644, owner: owner),
                Installer.Copy(content: .key, path: "\(data)/server.key", mode: 0o600, owner: owner),
            ],
            // pg_ctl refuses to be run by root.
            reload: [try program("runuser"), "-u", owner, "--", control, "reload", "-s", "-D", data], greeting: .postgresql,
            port: 5432)
    }
}
