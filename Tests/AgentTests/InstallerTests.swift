import Foundation
import TestSupport
import Testing

@testable import Agent

/// Debian's servers, each with a configuration of its own on loopback, each seen by openssl as well. They need root, as they do in life.
@Suite(.serialized) struct InstallerTests: DeploymentSuite {
    let folder: TemporaryFolder
    let time = SimulatedTime()
    let events = EventList()
    let ca: FakeCA

    init() async throws { (folder, ca) = try await Self.begin(time) }

    private static func can(_ programs: String...) -> Bool {
        getuid() == 0 && programs.allSatisfy { FileManager.default.isExecutableFile(atPath: Program.find($0)) }
    }

    /// A folder that belongs to a user, with a first certificate, without which most servers do not start.
    private func copies(_ owner: String, named name: String = "server") async throws -> String {
        try await prepare()
        try await Program.succeed("chmod", ["755", folder.path])
        let tls = folder.path("tls")
        try await Program.succeed("install", ["-d", "-o", owner, tls])
        for (from, to, mode) in [("fullchain", "crt", "644"), ("privkey", "key", "600")] {
            try await Program.succeed("install", ["-o", owner, "-m", mode, "\(served)/\(from).pem", "\(tls)/\(name).\(to)"])
        }
        return tls
    }

    @Test(.enabled(if: can("postfix"), "Postfix is not installed, or this is not root"))
    func `Postfix, over STARTTLS`() async throws {
        try await prepare()
        try await Program.succeed("chmod", ["755", folder.path])
        let port = try freePort()
        let (config, spool, data) = (folder.path("postfix"), folder.path("spool"), folder.path("data"))
        for folder in [config, spool] { try await Program.succeed("install", ["-d", folder]) }
        try await Program.succeed("install", ["-d", "-o", "postfix", data])
        try folder.write(
            "postfix/main.cf",
            """
            compatibility_level = 3.6
            queue_directory = \(spool)
            data_directory = \(data)
            inet_interfaces = 127.0.0.1
            mydestination =
            smtpd_tls_chain_files = \(served)/combined.pem
            smtpd_tls_security_level = may
            maillog_file = \(folder.path("maillog"))
            maillog_file_prefixes = \(folder.path)

            """)
        try folder.write(
            "postfix/master.cf",
            """
            127.0.0.1:\(port) inet n - n - - smtpd
            cleanup unix n - n - 0 cleanup
            rewrite unix - - n - - trivial-rewrite
            anvil unix - - n - 1 anvil
            tlsmgr unix - - n 1000? 1 tlsmgr
            proxymap unix - - n - - proxymap
            postlog unix-dgram n - n - 1 postlogd

            """)
        let postfix = try RunningProgram("postfix", ["-c", config, "start-fg"], log: folder.path("log"))
        try await listening(port)
        try await shows("postfix:config=\(config),verify=127.0.0.1:\(port)", port, ["-starttls", "smtp"], postfix)
        try await Program.succeed("postfix", ["-c", config, "stop"])
    }

    @Test(.enabled(if: can("dovecot"), "Dovecot is not installed, or this is not root"))
    func `Dovecot, over STARTTLS of IMAP`() async throws {
        try await prepare()
        try await Program.succeed("chmod", ["755", folder.path])
        let port = try freePort()
        let config = try folder.write(
            "dovecot.conf",
            """
            base_dir = \(folder.path("run"))
            log_path = \(folder.path("dovecot.log"))
            protocols = imap
            listen = 127.0.0.1
            ssl = yes
            ssl_cert = <\(served)/fullchain.pem
            ssl_key = <\(served)/privkey.pem
            passdb {
              driver = static
              args = password=x
            }
            service imap-login {
              inet_listener imap {
                port = \(port)
              }
              inet_listener imaps {
                port = 0
              }
            }

            """)
        let dovecot = try RunningProgram("dovecot", ["-F", "-c", config], log: folder.path("log"))
        try await listening(port)
        try await shows("dovecot:config=\(config),verify=127.0.0.1:\(port)", port, ["-starttls", "imap"], dovecot)
        try await dovecot.stop()
    }

    @Test(.enabled(if: can("slapd"), "OpenLDAP is not installed, or this is not root"))
    func `OpenLDAP, restarted, over StartTLS`() async throws {
        try await prepare()
        try await Program.succeed("chmod", ["755", folder.path])
        let (port, tls, pid) = (try freePort(), folder.path("tls"), folder.path("run/pid"))
        for folder in [tls, folder.path("run")] { try await Program.succeed("install", ["-d", "-o", "openldap", folder]) }
        for (from, to, mode) in [("cert", "cert", "644"), ("chain", "chain", "644"), ("privkey", "key", "600")] {
            try await Program.succeed("install", ["-o", "openldap", "-m", mode, "\(served)/\(from).pem", "\(tls)/\(to).pem"])
        }
        let config = try folder.write(
            "slapd.conf",
            """
            pidfile \(pid)
            TLSCertificateFile \(tls)/cert.pem
            TLSCACertificateFile \(tls)/chain.pem
            TLSCertificateKeyFile \(tls)/key.pem

            """)
        let restart = try folder.write(
            "restart.sh",
            """
            #!/bin/sh
            if [ -e \(pid) ]; then kill -INT $(cat \(pid)); while [ -e \(pid) ]; do sleep 0.05; done; fi
            exec slapd -u openldap -f \(config) -h ldap://127.0.0.1:\(port)
            """, mode: 0o755)
        // It goes into the background by itself, with every file that was open.
        try await HookProgram.run(restart, [], environment: [:])
        let target = "slapd:folder=\(tls),config=\(config),restart=\(restart),verify=127.0.0.1:\(port)"
        try await shows(target, port, ["-starttls", "ldap"])
        try await Program.succeed("pkill", ["-INT", "-F", pid])
    }

    @Test(.enabled(if: can("mariadbd", "mariadb-install-db", "mariadb"), "MariaDB is not installed, or this is not root"))
    func `MariaDB, without a restart, after its first packet`() async throws {
        let tls = try await copies("mysql")
        let (port, data, socket) = (try freePort(), folder.path("db"), folder.path("db/socket"))
        try await Program.succeed("install", ["-d", "-o", "mysql", data])
        try await Program.succeed(
            "mariadb-install-db", ["--no-defaults", "--user=mysql", "--datadir=\(data)", "--skip-test-db"],
            environment: ["TMPDIR": data])
        let mariadb = try RunningProgram(
            "mariadbd",
            [
                "--no-defaults", "--user=mysql", "--datadir=\(data)", "--socket=\(socket)", "--port=\(port)",
                "--bind-address=127.0.0.1", "--pid-file=\(data)/pid", "--ssl-cert=\(tls)/server.crt",
                "--ssl-key=\(tls)/server.key",
            ], environment: ["TMPDIR": data], log: folder.path("log"))
        try await listening(port)
        let client = try folder.write("client.cnf", "[client]\nsocket=\(socket)\nuser=root\n")
        let target = "mariadb:folder=\(tls),client=\(client),verify=127.0.0.1:\(port)"
        try await shows(target, port, ["-starttls", "mysql"], mariadb)
        try await mariadb.stop()
    }

    @Test(.enabled(if: can("redis-server", "redis-cli"), "Redis is not installed, or this is not root"))
    func `Redis, at run time`() async throws {
        let tls = try await copies("redis")
        let (port, socket) = (try freePort(), folder.path("redis.sock"))
        let redis = try RunningProgram(
            "redis-server",
            [
                "--port", "0", "--bind", "127.0.0.1", "--tls-port", "\(port)", "--tls-cert-file", "\(tls)/server.crt",
                "--tls-key-file",
                "\(tls)/server.key", "--tls-auth-clients", "no", "--unixsocket", socket, "--save", "", "--dir", folder.path,
            ], log: folder.path("log"))
        try await listening(port)
        try await shows("redis:folder=\(tls),socket=\(socket),verify=127.0.0.1:\(port)", port, [], redis)
        try await redis.stop()
    }

    @Test(.enabled(if: can("mosquitto"), "Mosquitto is not installed, or this is not root"))
    func `Mosquitto, on HUP`() async throws {
        let tls = try await copies("mosquitto")
        let port = try freePort()
        let config = try folder.write(
            "mosquitto.conf",
            """
            listener \(port) 127.0.0.1
            certfile \(tls)/server.crt
            keyfile \(tls)/server.key
            allow_anonymous true
            user mosquitto

            """)
        let mosquitto = try RunningProgram("mosquitto", ["-c", config], log: folder.path("log"))
        try await listening(port)
        let pid = try folder.write("pid", "\(mosquitto.pid)\n")
        try await shows("mosquitto:folder=\(tls),pid=\(pid),verify=127.0.0.1:\(port)", port, [], mosquitto)
        try await mosquitto.stop()
    }

    @Test(.enabled(if: can("prosody"), "Prosody is not installed, or this is not root"))
    func `Prosody, on HUP, over STARTTLS of XMPP`() async throws {
        let tls = try await copies("prosody", named: "a.test")
        let port = try freePort()
        try await Program.succeed("install", ["-d", "-o", "prosody", folder.path("data")])
        let config = try folder.write(
            "prosody.cfg.lua",
            """
            daemonize = false; pidfile = "\(folder.path("data"))/pid"; data_path = "\(folder.path("data"))"
            certificates = "\(tls)"; interfaces = { "127.0.0.1" }; c2s_ports = { \(port) }; s2s_ports = {}
            modules_enabled = { "tls", "saslauth" }; modules_disabled = { "s2s" }
            VirtualHost "a.test"

            """)
        let prosody = try RunningProgram(
            "setpriv", ["--reuid=prosody", "--regid=prosody", "--clear-groups", "prosody", "--config", config, "-F"],
            log: folder.path("log"))
        try await listening(port)
        let pid = try folder.write("pid", "\(prosody.pid)\n")
        let target = "prosody:host=a.test,folder=\(tls),pid=\(pid),verify=127.0.0.1:\(port)"
        try await shows(target, port, ["-starttls", "xmpp", "-xmpphost", "a.test"], prosody)
        try await prosody.stop()
    }

    @Test(.enabled(if: can("caddy"), "Caddy is not installed, or this is not root"))
    func `Caddy, by its API`() async throws {
        let tls = try await copies("caddy")
        let (port, admin) = (try freePort(), try freePort())
        let config = try folder.write(
            "Caddyfile",
            """
            {
              admin 127.0.0.1:\(admin)
              auto_https disable_redirects
            }
            https://a.test:\(port) {
              bind 127.0.0.1
              tls \(tls)/server.crt \(tls)/server.key
              respond 204
            }

            """)
        let caddy = try RunningProgram(
            "caddy", ["run", "--config", config],
            environment: ["XDG_DATA_HOME": folder.path("data"), "XDG_CONFIG_HOME": folder.path("data")], log: folder.path("log"))
        try await listening(port)
        let target = "caddy:config=\(config),address=127.0.0.1:\(admin),folder=\(tls),verify=127.0.0.1:\(port)"
        try await shows(target, port, [], caddy)
        try await caddy.stop()
    }

    @Test func `a program that leaves another behind in the background has ended`() async throws {
        let pid = folder.path("pid")
        let program = try folder.write("start.sh", "#!/bin/sh\nsleep 300 &\necho $! > \(pid)\n", mode: 0o755)
        let begin = ContinuousClock.now
        try await HookProgram.run(program, [], environment: [:])
        #expect(ContinuousClock.now - begin < .seconds(200))
        try await Program.succeed("pkill", ["-F", pid])
    }

    @Test func `PKCS#12 is what openssl opens with the password, and holds key, certificate and issuers`() async throws {
        let (archive, password) = (folder.path("a.p12"), try folder.write("password", "päss word\n", mode: 0o600))
        #expect(try await agent().issue(request(["files:pkcs12=\(archive),password=\(password)"])).code == .changed)
        func read(_ flags: String...) async throws -> String {
            try await Program.succeed("openssl", ["pkcs12", "-in", archive, "-passin", "file:\(password)", "-nodes"] + flags)
        }
        let live = folder.path("store/live/a.test")
        func held(_ file: String) throws -> String { try String(contentsOfFile: "\(live)/\(file)", encoding: .utf8) }
        #expect(try await Program.succeed("openssl", ["x509"], input: read("-clcerts", "-nokeys")) == held("cert.pem"))
        #expect(try await Program.succeed("openssl", ["pkey"], input: read("-nocerts")) == held("privkey.pem"))
        let issuers = try await read("-cacerts", "-nokeys").components(separatedBy: "BEGIN CERTIFICATE").count
        #expect(try issuers == held("chain.pem").components(separatedBy: "BEGIN CERTIFICATE").count)
        #expect(try await Program.succeed("stat", ["-c", "%a", archive]) == "600\n")
    }

    @Test(arguments: [
        ("prosody", "host="), ("prosody:host=../x", "no name"), ("cups:host=a/b", "no name"),
        ("cockpit:file=/etc/x.pem", ".cert"),
        ("files:pkcs12=/x", "password=FILE"), ("redis:folder=tls", "absolute"),
    ])
    func `options that lead nowhere are refused with what to say`(target: String, words: String) {
        do {
            _ = try InstallTarget(target)
            Issue.record("taken")
        } catch { #expect(error.message.contains(words), "\(error.message)") }
    }
}
