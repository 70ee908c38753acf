internal import CPostgres
internal import Foundation

/// Where a PostgreSQL database is and how to get in: a URL in any of libpq's forms, and what the operator left out.
/// Holds the password, so it never prints itself.
package struct PostgreSQLAddress: Sendable, CustomStringConvertible, CustomReflectable {
    /// libpq's keywords and values.
    let parameters: [(keyword: String, value: String)]
    /// Host, port and database, for messages.
    package let place: String

    package var description: String { place }
    package var customMirror: Mirror { Mirror(self, children: ["place": place]) }

    /// - Parameters:
    ///   - url: `postgresql://user@host:5432/database?sslmode=verify-full`, several hosts after commas; or `postgres://`.
    ///   - password: nil: as libpq finds it (PGPASSFILE, ~/.pgpass), or none is needed.
    /// - Throws: `unsuitable` for what is no such URL, or holds a password.
    package init(url: String, password: String? = nil) throws(StoreError) {
        guard url.utf8.count <= 4096, !url.utf8.contains(0) else {
            throw .unsuitable("the database's URL is longer than 4096 bytes")
        }
        var message: UnsafeMutablePointer<CChar>?
        guard let parsed = PQconninfoParse(url, &message) else {
            let reason = message.map { String(cString: $0).trimmingCharacters(in: .whitespacesAndNewlines) } ?? "out of memory"
            PQfreemem(message)
            // libpq repeats the whole URL where it can't be read, and there may be a password in it.
            let said = reason.contains("://") || reason.contains("@") ? "its form is wrong" : reason
            throw .unsuitable("the database's URL can't be used (\(said)): write postgresql://USER@HOST:PORT/DATABASE")
        }
        defer { PQconninfoFree(parsed) }
        var found: [String: String] = [:]
        var place = parsed
        while let keyword = place.pointee.keyword {
            if let value = place.pointee.val { found[String(cString: keyword)] = String(cString: value) }
            place += 1
        }
        guard found["password"] == nil, found["sslpassword"] == nil else {
            throw .unsuitable(
                "the database's URL holds a password, which others can read: put it in PGPASSFILE or in the file of database-password-file"
            )
        }
        if let password { found["password"] = password }
        for (keyword, value) in Self.defaults where found[keyword] == nil { found[keyword] = value }
        let hosts = found["host"] ?? found["hostaddr"] ?? ""
        if hosts.contains(","), found["target_session_attrs"] == nil { found["target_session_attrs"] = "read-write" }
        found["client_encoding"] = "UTF8"
        parameters = found.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
        let port = found["port"].map { ":\($0)" } ?? ""
        self.place = "postgresql://\(hosts.isEmpty ? "localhost" : hosts)\(port)/\(found["dbname"] ?? found["user"] ?? "")"
    }

    /// A silent peer is noticed in some 15 s.
    private static let defaults = [
        ("application_name", "chanceryd"), ("connect_timeout", "5"), ("keepalives_idle", "10"), ("keepalives_interval", "3"),
        ("keepalives_count", "3"), ("tcp_user_timeout", "15000"),
    ]

    /// What a connection is for.
    enum Role: Sendable { case writer, lightWriter, reader }

    /// Connects, sets the session up and looks at the server. Blocks.
    func connect(_ options: PostgreSQLOptions, as role: Role) throws(PostgreSQLFailure) -> PostgreSQLConnection {
        let connection = try PostgreSQLConnection(parameters, deadline: options.deadline)
        guard connection.serverVersion >= 140_000 else {
            throw Self.unfit("the server is PostgreSQL \(connection.serverVersion / 10_000): use 14 or newer")
        }
        let answers = try connection.exchange([Self.facts] + Self.settings(role).map { Statement($0) })
        guard let row = answers.first?.answer.rows.first?.values, row.count == 5 else {
            throw Self.unfit("it doesn't tell its settings")
        }
        guard row[0] == .text("UTF8") else {
            throw Self.unfit(
                "the database's encoding isn't UTF8: make it with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0")
        }
        guard row[1] == .text("on") else {
            throw Self.unfit("fsync is off, so that a power cut loses certificates: set fsync = on in postgresql.conf")
        }
        guard row[2] != .text("off") else {
            throw Self.unfit(
                "synchronous_commit is off, so that a crash loses what was acknowledged: set it to on (ALTER DATABASE … SET, ALTER ROLE … SET)"
            )
        }
        guard row[3] == .integer(0) else {
            throw PostgreSQLFailure(
                state: "08P01",
                message:
                    "the server is a standby: name the primary in the URL, or all hosts with target_session_attrs=read-write",
                isLost: true)
        }
        guard row[4] != .null else {
            throw Self.unfit("no schema of the search path exists or may be used: CREATE SCHEMA, or GRANT USAGE on it")
        }
        return connection
    }

    private static func unfit(_ message: String) -> PostgreSQLFailure {
        PostgreSQLFailure(state: PostgreSQLFailure.unfit, message: message, isLost: true)
    }

    private static let facts = Statement(
        """
        SELECT current_setting('server_encoding'), current_setting('fsync'), current_setting('synchronous_commit'), \
        pg_is_in_recovery(), current_schema()::text
        """)

    /// Every statement of the store walks along an index, in its order, and looks joined rows up by their key. With all other ways
    /// forbidden and plans made once, that holds from the first row on, before anybody has counted rows.
    static let planning =
        ["seqscan", "bitmapscan", "hashjoin", "mergejoin", "sort"].map { "SET enable_\($0) = off" }
        + ["SET plan_cache_mode = force_generic_plan", "SET jit = off"]

    /// A vanished server's transactions end, so that others don't wait for its rows.
    private static func settings(_ role: Role) -> [String] {
        planning + [
            "SET statement_timeout = '15s'", "SET lock_timeout = '5s'", "SET idle_in_transaction_session_timeout = '10s'",
            "SET client_connection_check_interval = '2s'", "SET standard_conforming_strings = on",
            "SET default_transaction_isolation = 'read committed'",
            "SET default_transaction_read_only = \(role == .reader ? "on" : "off")",
        ] + (role == .lightWriter ? ["SET synchronous_commit = off"] : [])
    }
}
