import Foundation
import TestSupport

/// A real BIND on loopback with the zone `e2e.test`: every name in it is 127.0.0.1, and records can be changed by nsupdate.
final class NameServer: Sendable {
    let folder: TemporaryFolder
    private let bind: Bind

    init() async throws {
        folder = try TemporaryFolder()
        try folder.write(
            "zone",
            """
            $TTL 1
            @ IN SOA ns.e2e.test. admin.e2e.test. 1 60 60 60 1
            @ IN NS ns.e2e.test.
            ns IN A 127.0.0.1
            @ IN A 127.0.0.1
            * IN A 127.0.0.1
            v6only IN AAAA ::1

            """)
        // Where challenges are delegated to; nothing is there unless it is put there.
        try folder.write("challenges", "$TTL 1\n@ IN SOA ns.e2e.test. admin.e2e.test. 1 60 60 60 1\n@ IN NS ns.e2e.test.\n")
        bind = try await Bind(
            in: folder,
            """
            zone "e2e.test" { type primary; file "\(folder.path("zone"))"; allow-update { 127.0.0.1; }; };
            zone "challenges.test" { type primary; file "\(folder.path("challenges"))"; allow-update { 127.0.0.1; }; };
            """)
    }

    private var port: Int { bind.port }
    var address: String { bind.address }

    /// Adds records to one zone: `add("e2e.test", "a.e2e.test. 1 TXT value")`.
    func add(_ zone: String, _ records: String...) async throws {
        let lines = ["server 127.0.0.1 \(port)", "zone \(zone)"] + records.map { "update add \($0)" } + ["send", ""]
        try await Program.succeed("nsupdate", [], input: lines.joined(separator: "\n"))
    }

    /// A program that sets and removes TXT records: `PROGRAM present|cleanup NAME VALUE`, as lego's exec and chancery call it.
    func hook() throws -> String {
        try folder.write(
            "hook.sh",
            """
            #!/bin/sh
            set -eu
            name=${2%.}.
            case $1 in
            present) line="update add $name 1 TXT \\"$3\\"" ;;
            cleanup) line="update delete $name TXT \\"$3\\"" ;;
            *) exit 0 ;;
            esac
            printf 'server 127.0.0.1 \(port)\\nzone e2e.test\\n%s\\nsend\\n' "$line" | nsupdate

            """, mode: 0o755)
    }

    /// The same for certbot, which tells by environment; `verb` is `present` or `cleanup`.
    func certbotHook(_ verb: String) throws -> String {
        let hook = try hook()
        return try folder.write(
            "certbot-\(verb).sh",
            "#!/bin/sh\nexec \(hook) \(verb) _acme-challenge.$CERTBOT_DOMAIN \"$CERTBOT_VALIDATION\"\n", mode: 0o755)
    }
}
