import ACME
import Foundation
import TestSupport
import Testing

@testable import Store

/// What a database must be to be relied on, and how one gets in.
@Suite(.timeLimit(.minutes(4)))
struct PostgreSQLOpeningTests {
    private func refusal(_ url: String) async -> StoreError? {
        do {
            let store = try await openPostgreSQL(url)
            await store.close()
            return nil
        } catch { return error as? StoreError }
    }

    @Test(arguments: [
        ("postgresql://a:secret@h/d", "PGPASSFILE"), ("postgresql://h/d?password=secret", "PGPASSFILE"),
        ("postgresql://h/d?sslpassword=secret", "PGPASSFILE"), ("postgresql://h/d?nonsense=1", "nonsense"),
        ("postgresql://a:secret@h:port:port/d?x", "postgresql://USER@HOST:PORT/DATABASE"),
    ])
    func `a URL that cannot be used is refused without repeating a secret`(url: String, remedy: String) {
        let error = #expect(throws: StoreError.self) { try PostgreSQLAddress(url: url) }
        let text = error?.description ?? ""
        #expect(text.contains(remedy), "\(text)")
        #expect(!text.contains("secret"))
    }

    @Test func `a password is handed to libpq and shown to nobody`() throws {
        let address = try PostgreSQLAddress(url: "postgresql://a@h1,h2:5433/d?sslmode=require", password: "secret")
        #expect(address.parameters.contains { $0 == ("password", "secret") })
        #expect(!"\(address)".contains("secret") && !String(reflecting: address).contains("secret"))
        // Of several hosts the one that can be written.
        #expect(address.parameters.contains { $0 == ("target_session_attrs", "read-write") })
        #expect(try !PostgreSQLAddress(url: "postgresql://h/d").parameters.contains { $0.keyword == "target_session_attrs" })
    }

    @Test func `a location is one of the two engines'`() throws {
        guard case .sqlite("/data/a.db") = try DatabaseLocation("sqlite:a.db", relativeTo: "/data") else {
            Issue.record(); return
        }
        guard case .sqlite("/b/a.db") = try DatabaseLocation("sqlite:/b/a.db", relativeTo: "/data") else {
            Issue.record(); return
        }
        guard case .postgreSQL = try DatabaseLocation("postgres://h/d", relativeTo: "/") else { Issue.record(); return }
        for text in ["", "sqlite:", "sqlite://a", "mysql://h/d", "/a.db"] {
            #expect(throws: StoreError.self) { try DatabaseLocation(text, relativeTo: "/") }
        }
    }

    @Test func `a database of another encoding is refused`() async throws {
        let server = try await PostgreSQLServer.shared()
        try await server.run("CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
        let error = try #require(await refusal(server.url(database: "latin")))
        #expect(error.description.contains("UTF8"))
    }

    @Test func `commits that do not wait for the disk are refused`() async throws {
        let server = try await PostgreSQLServer.shared()
        let error = try #require(await refusal(server.url() + "&options=-csynchronous_commit%3Doff"))
        #expect(error.description.contains("synchronous_commit"))
        let careless = try await PostgreSQLServer(settings: ["fsync = off"])
        let other = try #require(await refusal(careless.url()))
        #expect(other.description.contains("fsync = on"))
    }

    @Test func `a missing database, role or schema is told with its remedy`() async throws {
        let server = try await PostgreSQLServer.shared()
        let missing = try #require(await refusal(server.url(database: "nowhere")))
        #expect(missing.description.contains("CREATE DATABASE"))
        let schema = try #require(await refusal(server.url(schema: "nowhere")))
        #expect(schema.description.contains("CREATE SCHEMA"))
        try await server.run("CREATE ROLE guest LOGIN; CREATE SCHEMA closed; GRANT USAGE ON SCHEMA closed TO guest")
        let right = try #require(await refusal(server.url(schema: "closed", user: "guest")))
        #expect(right.description.contains("OWNER"))
        guard case .unavailable? = await refusal("postgresql:///d?host=%2Fnowhere") else {
            Issue.record("not unavailable"); return
        }
    }

    @Test func `texts are ordered by their bytes whatever the database's locale is`() async throws {
        let server = try await PostgreSQLServer.shared()
        try await server.run("CREATE DATABASE german LOCALE_PROVIDER icu ICU_LOCALE 'de-AT' TEMPLATE template0")
        // As the database itself would have it: a, ä, B.
        #expect(
            try await server.run(
                "SELECT string_agg(x, '' ORDER BY x) FROM (VALUES ('B'), ('ä'), ('a')) v (x)", database: "german")
                == "aäB\n")
        let store = try await openPostgreSQL(server.url(database: "german"))
        for id in ["ä", "a", "B"] { try await store.saveIssuer(StoredIssuer(id: id, chain: [[1]], created: start)) }
        #expect(try await store.issuers().map(\.id) == ["B", "a", "ä"])
        let account = try await store.makeAccount()
        #expect(try await store.issue(account.id, ["ä.example", "B.example"]).identifiers.count == 2)
        await store.close()
    }

    @Test func `TLS with certificates on both sides, and nothing less where the server wants it`() async throws {
        let keys = try TemporaryFolder()
        func openssl(_ arguments: String...) async throws { try await Program.succeed("openssl", arguments, folder: keys.path) }
        try await openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=test root",
            "-keyout", "root.key", "-out", "root.pem")
        for (name, subject, extensions) in [
            ("server", "/CN=localhost", "subjectAltName=DNS:localhost"), ("client", "/CN=postgres", "keyUsage=digitalSignature"),
        ] {
            try await openssl(
                "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject, "-keyout",
                "\(name).key",
                "-out", "\(name).csr")
            let file = try keys.write("\(name).ext", extensions + "\n")
            try await openssl(
                "x509", "-req", "-in", "\(name).csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "2",
                "-extfile", file, "-out", "\(name).pem")
        }
        let server = try await PostgreSQLServer(
            settings: ["ssl = on", "ssl_cert_file = 'server.pem'", "ssl_key_file = 'server.key'", "ssl_ca_file = 'root.pem'"],
            listening: "127.0.0.1", access: ["hostssl all all 127.0.0.1/32 cert"]
        ) { data in
            for file in ["server.pem", "server.key", "root.pem"] { try await Program.succeed("cp", [keys.path(file), data]) }
            try await Program.succeed("chmod", ["600", data + "/server.key"])
            if geteuid() == 0 { try await Program.succeed("chown", ["-R", "postgres", data]) }
        }
        let base = "postgresql://postgres@localhost:\(server.port)/postgres?hostaddr=127.0.0.1"
        let trust = "&sslmode=verify-full&sslrootcert=\(keys.path("root.pem"))"
        let own = "&sslcert=\(keys.path("client.pem"))&sslkey=\(keys.path("client.key"))"
        let store = try await openPostgreSQL(base + trust + own)
        let tls = try await store.commit { (sql) throws(StoreError) in
            try sql.row("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl", [])?.text(0)
        }
        #expect(tls?.hasPrefix("TLSv1.") == true)
        _ = try await store.makeAccount()
        await store.close()
        #expect(await refusal(base + trust) != nil)
        #expect(await refusal(base + "&sslmode=disable") != nil)
        #expect(await refusal(base + "&sslmode=verify-full&sslrootcert=\(keys.path("client.pem"))" + own) != nil)
    }

    @Test func `while the database is away verbs fail at once, and go on when it is back`() async throws {
        let server = try await PostgreSQLServer()
        var options = PostgreSQLOptions()
        (options.readers, options.patience, options.doubtPatience) = (2, .seconds(2), .milliseconds(200))
        let engine = try await PostgreSQLEngine.opening(try PostgreSQLAddress(url: server.url()), options)
        let store = try await AuthorityStore.open(engine, path: "here", lock: nil, mode: .serve, now: start)
        let account = try await store.makeAccount()
        #expect(try await store.account(account.id) == account)
        try await server.crash()
        for _ in 0..<4 {
            let writing = await #expect(throws: StoreError.self) { try await store.makeAccount() }
            let reading = await #expect(throws: StoreError.self) { try await store.account(account.id) }
            guard case .unavailable? = writing, case .unavailable? = reading else {
                Issue.record("\(String(describing: writing)), \(String(describing: reading))")
                return
            }
        }
        try await server.startAgain()
        try await eventually("the store writes again") { (try? await store.makeAccount()) != nil }
        try await eventually("the store reads again") { (try? await store.account(account.id)) == account }
        await store.close()
    }
}
