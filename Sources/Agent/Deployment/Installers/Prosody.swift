extension InstallerKind {
    /// Prosody, which finds the files of a host by its name; seen over STARTTLS of XMPP (RFC 6120 section 5).
    static let prosody = InstallerKind(
        name: "prosody",
        options: [
            "host": "the virtual host", "folder": "where its certificates lie; /etc/prosody/certs where nothing is said",
            "owner": "prosody where nothing is said", "pid": "the file with its process number, where it is no service",
        ]
    ) { options throws(AgentError) in
        let folder = try options.path("folder") ?? "/etc/prosody/certs"
        return Installer(
            copies: Installer.pair(in: folder, named: try options.host(for: "prosody"), owner: options["owner"] ?? "prosody"),
            reload: try options.reload("prosody", signal: "HUP"), greeting: .xmpp, port: 5222)
    }
}
