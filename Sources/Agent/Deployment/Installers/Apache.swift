extension InstallerKind {
    /// Apache, whose `SSLCertificateFile` and `SSLCertificateKeyFile` point into `served/NAME`. `graceful` drops no connection.
    static let apache = InstallerKind(
        name: "apache", options: ["config": "the configuration file, where it is not Debian's"]
    ) { options throws(AgentError) in
        if let config = try options.path("config") {
            let apache = try program("apache2")
            return Installer(check: [apache, "-t", "-f", config], reload: [apache, "-k", "graceful", "-f", config], port: 443)
        }
        let control = try program("apache2ctl")
        return Installer(check: [control, "configtest"], reload: [control, "graceful"], port: 443)
    }
}
