extension InstallerKind {
    /// Mosquitto, whose `certfile` and `keyfile` are copies, read anew on HUP.
    static let mosquitto = InstallerKind(
        name: "mosquitto",
        options: [
            "folder": "where the copies lie; /etc/mosquitto/certs where nothing is said",
            "owner": "mosquitto where nothing is said",
            "pid": "the file with its process number, where it is no service",
        ]
    ) { options throws(AgentError) in
        let folder = try options.path("folder") ?? "/etc/mosquitto/certs"
        return Installer(
            copies: Installer.pair(in: folder, owner: options["owner"] ?? "mosquitto"),
            reload: try options.reload("mosquitto", signal: "HUP"), port: 8883)
    }
}
