import Foundation
import TestSupport
import Testing

/// Clients of Debian that see the protocol each in its own way, unmodified.
@Suite(.serialized) struct OtherClientsTests {
    @Test func `acme-tiny gets a certificate for an RSA key`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let web = try await WebServer(port: authority.http01Port)
        let folder = try TemporaryFolder()
        let challenges = "\(web.webroot)/.well-known/acme-challenge"
        try FileManager.default.createDirectory(atPath: challenges, withIntermediateDirectories: true)
        try await Program.succeed("openssl", ["genrsa", "-out", folder.path("account"), "2048"])
        try await Program.succeed(
            "openssl",
            [
                "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", folder.path("key"), "-subj", "/CN=tiny.e2e.test",
                "-addext", "subjectAltName=DNS:tiny.e2e.test,DNS:www.tiny.e2e.test", "-out", folder.path("csr"),
            ])
        let chain = try await Program.succeed(
            "acme-tiny",
            [
                "--account-key", folder.path("account"), "--csr", folder.path("csr"), "--acme-dir", challenges,
                "--directory-url", authority.directory, "--contact", "mailto:admin@example.org", "--disable-check",
            ], environment: ["SSL_CERT_FILE": authority.root])
        let verdict = try await authority.accepts(folder.write("chain", chain), name: "www.tiny.e2e.test")
        #expect(verdict.status == 0, "\(verdict)")
    }

    /// uacme trusts the system's roots only: it sees ours in their place, in a mount namespace of its own.
    @Test(.enabled("needs user and mount namespaces") { (try? await Program.run("unshare", ["-rm", "true"]))?.status == 0 })
    func `uacme registers, issues, revokes and deactivates its account`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let web = try await WebServer(port: authority.http01Port)
        let folder = try TemporaryFolder()
        let challenges = "\(web.webroot)/.well-known/acme-challenge"
        try FileManager.default.createDirectory(atPath: challenges, withIntermediateDirectories: true)
        let hook = try folder.write(
            "hook.sh",
            """
            #!/bin/sh
            case "$1,$2" in
            begin,http-01) printf %s "$5" > "\(challenges)/$4" ;;
            begin,*) exit 1 ;;
            *) rm -f "\(challenges)/$4" ;;
            esac

            """, mode: 0o755)
        func uacme(_ arguments: String...) async throws {
            try await Program.succeed(
                "unshare",
                [
                    "-rm", "sh", "-c", #"mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec uacme "$@""#,
                    authority.root,
                    "-y", "-v", "-c", folder.path("store"), "-a", authority.directory, "-t", "EC",
                ] + arguments)
        }
        try await uacme("new", "admin@example.org")
        try await uacme("-h", hook, "-b", "384", "issue", "uacme.e2e.test", "www.uacme.e2e.test")
        let certificate = folder.path("store/uacme.e2e.test/cert.pem")
        let verdict = try await authority.accepts(certificate, name: "www.uacme.e2e.test")
        #expect(verdict.status == 0, "\(verdict)")
        let kept = folder.path("kept.pem")
        try FileManager.default.copyItem(atPath: certificate, toPath: kept)
        try await uacme("revoke", certificate)
        try await authority.publishesRevocation(of: kept)
        try await uacme("deactivate")
    }

    @Test func `caddy gets its certificates by tls-alpn-01 and serves them`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let folder = try TemporaryFolder()
        let http = try freePort()
        try folder.write(
            "Caddyfile",
            """
            {
            \tadmin off
            \tstorage file_system \(folder.path("store"))
            \thttp_port \(http)
            \thttps_port \(authority.tlsALPN01Port)
            \tacme_ca \(authority.directory)
            \tacme_ca_root \(authority.root)
            \temail admin@example.org
            }

            caddy.e2e.test, www.caddy.e2e.test {
            \tbind 127.0.0.1
            \trespond "served by caddy"
            \ttls {
            \t\tissuer acme {
            \t\t\tdisable_http_challenge
            \t\t}
            \t}
            }

            """)
        let caddy = try RunningProgram(
            "caddy", ["run", "--config", folder.path("Caddyfile"), "--adapter", "caddyfile"],
            environment: ["HOME": folder.path, "XDG_DATA_HOME": folder.path, "XDG_CONFIG_HOME": folder.path],
            log: folder.path("log"))
        for name in ["caddy.e2e.test", "www.caddy.e2e.test"] {
            try await serves(name, authority.tlsALPN01Port, authority, caddy)
        }
        try await caddy.stop()
    }

    @Test func `Apache's mod_md gets a certificate by http-01 and serves it after a restart`() async throws {
        let authority = try await TestAuthority(names: NameServer())
        let folder = try TemporaryFolder()
        // Read by the workers, who are not allowed into the data folder.
        try folder.write("root.pem", String(contentsOfFile: authority.root, encoding: .utf8))
        let modules = ["mpm_event", "authz_core", "ssl", "md"].map {
            "LoadModule \($0)_module /usr/lib/apache2/modules/mod_\($0).so"
        }
        let tls = try freePort()
        let configuration = try folder.write(
            "httpd.conf",
            """
            \(modules.joined(separator: "\n"))
            ServerRoot \(folder.path)
            DefaultRuntimeDir \(folder.path)
            PidFile \(folder.path("pid"))
            ErrorLog /dev/stderr
            LogLevel warn md:info
            Mutex posixsem
            User www-data
            Group www-data
            ServerName md.e2e.test
            Listen 127.0.0.1:\(authority.http01Port)
            Listen 127.0.0.1:\(tls) https
            MDStoreDir \(folder.path("md"))
            MDCertificateAuthority \(authority.directory)
            MDCACertificateFile \(folder.path("root.pem"))
            MDCertificateAgreement accepted
            MDContactEmail admin@example.org
            MDPortMap http:\(authority.http01Port) https:\(tls)
            MDCAChallenges http-01
            MDStapling off
            MDomain md.e2e.test www.md.e2e.test
            <VirtualHost 127.0.0.1:\(tls)>
              ServerName md.e2e.test
              ServerAlias www.md.e2e.test
              SSLEngine on
            </VirtualHost>

            """)
        let apache = try RunningProgram("apache2", ["-f", configuration, "-D", "FOREGROUND"], log: folder.path("log"))
        try await apache.printed("has been setup and changes will be activated", limit: 90)
        apache.signal(SIGHUP)
        try await serves("www.md.e2e.test", tls, authority, apache)
        try await apache.stop()
    }

    /// Waits until openssl accepts what is served for `name`.
    private func serves(_ name: String, _ port: Int, _ authority: TestAuthority, _ server: RunningProgram) async throws {
        var last = ""
        do {
            try await eventually("\(name) served", limit: 90) {
                let session = try await Program.run(
                    "openssl",
                    [
                        "s_client", "-connect", "127.0.0.1:\(port)", "-servername", name, "-CAfile", authority.root,
                        "-verify_hostname", name, "-verify_return_error",
                    ])
                last = session.description
                return session.status == 0
            }
        } catch { throw Program.Failure("\(error)\n\(last)\n\(server.output)") }
    }
}
