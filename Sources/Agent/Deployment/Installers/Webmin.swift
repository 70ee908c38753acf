extension InstallerKind {
    /// Webmin, whose server takes key and chain in one file.
    static let webmin = InstallerKind(
        name: "webmin", options: ["folder": "its configuration; /etc/webmin where nothing is said"]
    ) { options throws(AgentError) in
        let folder = try options.path("folder") ?? "/etc/webmin"
        return Installer(
            copies: [Installer.Copy(content: .combined, path: "\(folder)/miniserv.pem", mode: 0o600)],
            reload: ["\(folder)/restart"],
            port: 10000)
    }
}
