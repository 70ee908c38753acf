extension InstallerKind {
    /// Dovecot, whose `ssl_cert` and `ssl_key` point into `served/NAME`; seen over STARTTLS of IMAP.
    static let dovecot = InstallerKind(
        name: "dovecot", options: ["config": "the configuration file, where it is not Debian's"]
    ) { options throws(AgentError) in
        let config = try options.path("config").map { ["-c", $0] } ?? []
        return Installer(
            check: [try program("doveconf"), "-n"] + config, reload: [try program("doveadm")] + config + ["reload"],
            greeting: .imap, port: 143)
    }
}
