extension InstallerKind {
    /// Postfix, whose `smtpd_tls_chain_files` is `served/NAME/combined.pem`; seen over STARTTLS.
    static let postfix = InstallerKind(
        name: "postfix", options: ["config": "the configuration folder, where it is not /etc/postfix"]
    ) { options throws(AgentError) in
        let postfix = [try program("postfix")] + (try options.path("config").map { ["-c", $0] } ?? [])
        return Installer(check: postfix + ["check"], reload: postfix + ["reload"], greeting: .smtp, port: 25)
    }
}
