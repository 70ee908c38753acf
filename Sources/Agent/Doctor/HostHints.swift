import ACMEClient
import Foundation

/// What this host's own files say about why a port is closed; nothing is run, nothing is asked.
struct HostHints: Sendable {
    /// Text of a file, or nil. Replaced by tests.
    let read: @Sendable (_ path: String) -> String?

    static let real = HostHints { path in
        // Files of /proc say that they are empty, and are no regular files to some.
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? file.close() }
        return (try? file.read(upToCount: 1 << 20)).flatMap { $0 }.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Sentences about packet filters and mandatory access control.
    var filters: [String] {
        var hints: [String] = []
        for (file, tool) in [("/proc/net/ip_tables_names", "iptables -S"), ("/proc/net/ip6_tables_names", "ip6tables -S")] {
            if let tables = read(file), tables.split(separator: "\n").contains("filter") {
                hints.append("A packet filter is loaded on this host (iptables): look with `\(tool)`.")
            }
        }
        if let modules = read("/proc/modules"),
            modules.split(separator: "\n").contains(where: { line in
                let words = line.split(separator: " ")
                return words.first == "nf_tables" && words.count > 2 && words[2] != "0"
            })
        {
            hints.append("nftables is in use on this host: look with `nft list ruleset`.")
        }
        if read("/sys/fs/selinux/enforce")?.hasPrefix("1") == true {
            hints.append("SELinux enforces: look with `ausearch -m avc -ts recent`, and label the webroot with `restorecon -R`.")
        }
        return hints
    }

    /// Whether something listens on a TCP port here, by its tables of sockets; nil if they cannot be read.
    func listens(_ port: Int) -> Bool? {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].compactMap(read)
        guard !tables.isEmpty else { return nil }
        return tables.contains { table in
            table.split(separator: "\n").dropFirst().contains { line in
                let words = line.split(separator: " ")
                // 0A is LISTEN.
                guard words.count > 3, words[3] == "0A", let port16 = words[1].split(separator: ":").last else { return false }
                return Int(port16, radix: 16) == port
            }
        }
    }

    /// Whether this process may listen on a port, as far as its number goes.
    func mayListen(_ port: Int, isRoot: Bool) -> Bool {
        if isRoot { return true }
        let first = read("/proc/sys/net/ipv4/ip_unprivileged_port_start").flatMap { Int($0.filter { $0.isNumber }) } ?? 1024
        if port >= first { return true }
        let line = read("/proc/self/status")?.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        let set = line.flatMap { UInt64($0.dropFirst(7).filter { !$0.isWhitespace }, radix: 16) } ?? 0
        // CAP_NET_BIND_SERVICE
        return set & (1 << 10) != 0
    }

    /// Whether this host has an IPv6 address that leads to other hosts: else what an AAAA record leads to cannot be judged from here.
    var hasIPv6: Bool {
        (read("/proc/net/if_inet6") ?? "").split(separator: "\n").contains { line in
            let words = line.split(separator: " ")
            // Scope 00 is global.
            return words.count > 3 && words[3] == "00" && !line.hasPrefix("f")
        }
    }
}
