import ACMEClient

extension InstallerKind {
    /// Cockpit, which serves the last certificate of its folder by the alphabet.
    static let cockpit = InstallerKind(
        name: "cockpit",
        options: ["file": "where the certificate lies; /etc/cockpit/ws-certs.d/90-chancery.cert where nothing is said"]
    ) { options throws(AgentError) in
        let file = try options.path("file") ?? "/etc/cockpit/ws-certs.d/90-chancery.cert"
        guard file.hasSuffix(".cert") else { throw .needsPerson("cockpit: file=\(file.sanitized) has to end in .cert.") }
        return Installer(
            copies: [
                Installer.Copy(content: .fullchain, path: file, mode: 0o644),
                Installer.Copy(content: .key, path: file.dropLast(4) + "key", mode: 0o600),
            ],
            reload: [try program("systemctl"), "try-restart", "cockpit"], port: 9090)
    }
}
