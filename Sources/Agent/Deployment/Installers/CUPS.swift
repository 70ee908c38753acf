extension InstallerKind {
    /// CUPS, which finds the files of a host by its name in its `ServerKeychain`, and reads them at its start alone.
    static let cups = InstallerKind(
        name: "cups",
        options: [
            "host": "the name that its clients use", "folder": "its ServerKeychain; /etc/cups/ssl where nothing is said",
            "pid": "the file with its process number, where it is no service",
        ]
    ) { options throws(AgentError) in
        let folder = try options.path("folder") ?? "/etc/cups/ssl"
        return Installer(
            copies: Installer.pair(in: folder, named: try options.host(for: "cups"), owner: "root"),
            check: [try program("cupsd"), "-t"], reload: try options.reload("cups", signal: "HUP", verb: "restart"), port: 631)
    }
}
