import Foundation

extension InstallerKind {
    /// HAProxy, whose `crt` is `served/NAME/combined.pem`: key and chain in one file. It is reloaded by its service, or by USR2 to the
    /// master whose process number stands in `pid`.
    static let haproxy = InstallerKind(
        name: "haproxy",
        options: ["config": "the configuration file", "pid": "the file with the master's process number, where it is no service"]
    ) { options throws(AgentError) in
        let config = try options.path("config") ?? "/etc/haproxy/haproxy.cfg"
        let check = [try program("haproxy"), "-c", "-q", "-f", config]
        return Installer(check: check, reload: try options.reload("haproxy", signal: "USR2"), port: 443)
    }
}
