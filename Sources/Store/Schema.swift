internal import Foundation

/// The tables, version by version. Written in PostgreSQL's words, all of which SQLite takes; `WITHOUT ROWID` (one B-tree
/// instead of two, for short rows found by their key) is SQLite's own.
enum Schema {
    struct Migration {
        let name: String
        let statements: [String]
    }

    /// Numbered from 1. Never change one that was released: add another.
    static let migrations: [Migration] = [
        Migration(name: "foundation", statements: foundation),
        Migration(name: "fleet", statements: fleet),
        Migration(name: "size", statements: size),
        Migration(name: "age of work", statements: ageOfWork),
    ]

    /// Brings an empty or older database up to date, and refuses what it does not know.
    static func prepare(_ sql: any Session, path: String, mayMigrate: Bool, now: Date) throws(StoreError) {
        let found = try version(sql, path: path)
        let known = migrations.count
        guard found <= known else { throw .newerSchema(found: found, known: known) }
        if found == known { return }
        guard mayMigrate else { throw .olderSchema(found: found, known: known) }
        if found == 0 {
            try sql.run("CREATE TABLE migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied BIGINT NOT NULL)", [])
        }
        for (index, migration) in migrations.enumerated().dropFirst(found) {
            for statement in migration.statements { try sql.run(statement.replacing("UNLOGGED ", with: ""), []) }
            try sql.run(
                "INSERT INTO migrations (version, name, applied) VALUES ($1, $2, $3)",
                [.integer(Int64(index + 1)), .text(migration.name), now.sql])
        }
    }

    /// 0: nothing there yet.
    private static func version(_ sql: any Session, path: String) throws(StoreError) -> Int {
        let tables = try sql.tables()
        if tables.isEmpty { return 0 }
        guard tables.contains("migrations") else {
            throw .corrupt(path: path, reason: "it belongs to another program")
        }
        return Int(try sql.row("SELECT COALESCE(MAX(version), 0) FROM migrations", [])?.integer(0) ?? 0)
    }

    private static let foundation = [
        """
        CREATE TABLE accounts (
            id BYTEA PRIMARY KEY, thumbprint TEXT NOT NULL, jwk TEXT NOT NULL, status TEXT NOT NULL, contacts TEXT NOT NULL,
            terms TEXT, created BIGINT NOT NULL) WITHOUT ROWID
        """,
        "CREATE UNIQUE INDEX accounts_thumbprint ON accounts (thumbprint)",
        // `certificate` is the intent's id from `processing` on. `authorizations`: 16 bytes each, in order.
        """
        CREATE TABLE orders (
            id BYTEA PRIMARY KEY, account BYTEA NOT NULL, status TEXT NOT NULL, identifiers TEXT NOT NULL,
            authorizations BYTEA NOT NULL, not_before BIGINT, not_after BIGINT, created BIGINT NOT NULL,
            expires BIGINT NOT NULL, error TEXT, certificate BYTEA) WITHOUT ROWID
        """,
        "CREATE INDEX orders_account ON orders (account, id)",
        // `challenges`: a line each, see Rows.swift. `version` rises with each change.
        """
        CREATE TABLE authorizations (
            id BYTEA PRIMARY KEY, account BYTEA NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, wildcard BIGINT NOT NULL,
            status TEXT NOT NULL, expires BIGINT NOT NULL, token TEXT NOT NULL, challenges TEXT NOT NULL,
            version BIGINT NOT NULL) WITHOUT ROWID
        """,
        "CREATE INDEX authorizations_valid ON authorizations (account, name) WHERE status = 'valid'",
        // `due`: when it may be claimed, be it waiting or leased. `subject`: authorization or intent.
        """
        CREATE TABLE work (
            subject BYTEA NOT NULL, challenge TEXT NOT NULL, sort TEXT NOT NULL, owner TEXT NOT NULL, due BIGINT NOT NULL,
            attempts BIGINT NOT NULL, PRIMARY KEY (subject, challenge)) WITHOUT ROWID
        """,
        "CREATE INDEX work_due ON work (sort, due)",
        """
        CREATE TABLE intents (
            id BYTEA PRIMARY KEY, order_id BYTEA, account BYTEA, issuer TEXT NOT NULL, serial BYTEA NOT NULL,
            to_be_signed BYTEA NOT NULL, identifiers TEXT NOT NULL, created BIGINT NOT NULL) WITHOUT ROWID
        """,
        // Given up, but perhaps signed: kept, so that every signature has its row.
        """
        CREATE TABLE voided_intents (
            id BYTEA PRIMARY KEY, order_id BYTEA, account BYTEA, issuer TEXT NOT NULL, serial BYTEA NOT NULL,
            to_be_signed BYTEA NOT NULL, identifiers TEXT NOT NULL, created BIGINT NOT NULL) WITHOUT ROWID
        """,
        // With a rowid, for these rows are longer than a B-tree keeps whole in an index page.
        """
        CREATE TABLE certificates (
            id BYTEA PRIMARY KEY, order_id BYTEA, account BYTEA, issuer TEXT NOT NULL, serial BYTEA NOT NULL,
            der BYTEA NOT NULL, key_hash BYTEA NOT NULL, identifiers TEXT NOT NULL, not_before BIGINT NOT NULL,
            not_after BIGINT NOT NULL, created BIGINT NOT NULL)
        """,
        "CREATE UNIQUE INDEX certificates_serial ON certificates (serial, issuer)",
        "CREATE INDEX certificates_key ON certificates (key_hash)",
        "CREATE INDEX certificates_account ON certificates (account, id)",
        """
        CREATE TABLE certificate_names (
            name TEXT NOT NULL, certificate BYTEA NOT NULL, PRIMARY KEY (name, certificate)) WITHOUT ROWID
        """,
        """
        CREATE TABLE revocations (
            certificate BYTEA PRIMARY KEY, issuer TEXT NOT NULL, serial BYTEA NOT NULL, revoked BIGINT NOT NULL,
            reason BIGINT, not_after BIGINT NOT NULL) WITHOUT ROWID
        """,
        "CREATE INDEX revocations_issuer ON revocations (issuer, certificate)",
        "CREATE TABLE blocked_keys (key_hash BYTEA PRIMARY KEY, blocked BIGINT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE crl_numbers (issuer TEXT PRIMARY KEY, number BIGINT NOT NULL) WITHOUT ROWID",
        """
        CREATE TABLE crls (
            issuer TEXT PRIMARY KEY, number BIGINT NOT NULL, der BYTEA NOT NULL, this_update BIGINT NOT NULL,
            next_update BIGINT NOT NULL)
        """,
        "CREATE TABLE issuers (id TEXT PRIMARY KEY, chain TEXT NOT NULL, created BIGINT NOT NULL)",
    ]

    /// Several servers on one database. `UNLOGGED`, PostgreSQL's own: what a crash may empty, and must empty together.
    private static let fleet = [
        """
        CREATE TABLE servers (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, url TEXT NOT NULL, started BIGINT NOT NULL, beat BIGINT NOT NULL)
            WITHOUT ROWID
        """,
        // `fence` rises with each holder.
        """
        CREATE TABLE duties (name TEXT PRIMARY KEY, owner TEXT NOT NULL, fence BIGINT NOT NULL, until BIGINT NOT NULL)
            WITHOUT ROWID
        """,
        // `ended`: 1 once none of its nonces is taken any more.
        """
        CREATE UNLOGGED TABLE nonce_epochs (
            id BIGINT PRIMARY KEY, key BYTEA NOT NULL, made BIGINT NOT NULL, ended BIGINT NOT NULL)
        """,
        """
        CREATE UNLOGGED TABLE spent_nonces (epoch BIGINT NOT NULL, number BIGINT NOT NULL, PRIMARY KEY (epoch, number))
            WITHOUT ROWID
        """,
        // One row: how often an account was changed after it was made.
        "CREATE TABLE account_changes (id BIGINT PRIMARY KEY, number BIGINT NOT NULL)",
        "INSERT INTO account_changes (id, number) VALUES (1, 0)",
        // One row: whose authority this is; `root` is NULL while it is being made.
        """
        CREATE TABLE founding (
            id BIGINT PRIMARY KEY, root BYTEA, issuer TEXT NOT NULL, place TEXT NOT NULL, begun BIGINT NOT NULL)
        """,
        "CREATE TABLE secrets (name TEXT PRIMARY KEY, value BYTEA NOT NULL) WITHOUT ROWID",
    ]

    /// What keeps every statement as short with a million certificates as with a thousand.
    private static let size = [
        // The later of a revocation's and its certificate's end: a list made after it is the last that names it.
        "ALTER TABLE revocations ADD COLUMN listed_until BIGINT NOT NULL DEFAULT 0",
        "UPDATE revocations SET listed_until = CASE WHEN not_after > revoked THEN not_after ELSE revoked END",
        "CREATE INDEX revocations_listed ON revocations (issuer, listed_until, certificate)",
        "DROP INDEX revocations_issuer",
        // How many revocations an issuer has had: raised in the transaction that revokes.
        "CREATE TABLE revocation_counts (issuer TEXT PRIMARY KEY, number BIGINT NOT NULL) WITHOUT ROWID",
        "INSERT INTO revocation_counts (issuer, number) SELECT issuer, COUNT(*) FROM revocations GROUP BY issuer",
        // That number before the list was made; where the two differ, another list is due.
        "ALTER TABLE crls ADD COLUMN revocations BIGINT NOT NULL DEFAULT 0",
        "CREATE INDEX certificates_expiry ON certificates (not_after, id)",
    ]

    /// When work was first asked for: `due` moves with every lease. Work from before has none, and is over in minutes.
    private static let ageOfWork = ["ALTER TABLE work ADD COLUMN since BIGINT"]
}
