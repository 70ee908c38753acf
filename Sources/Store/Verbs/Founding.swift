package import Foundation

/// Whose authority a database holds.
package enum Founding: Sendable, Equatable {
    /// Nobody's yet; the caller may make one.
    case yours
    /// Somebody else has begun to make one.
    case begun(by: String)
    case made(Founder)
}

package struct Founder: Sendable, Equatable {
    /// SHA-256 of the root certificate.
    package var root: [UInt8]
    /// The key identifier of the issuer that signs, hex.
    package var issuer: String
    /// The machine and folder that made it, for people.
    package var place: String
    package init(root: [UInt8], issuer: String, place: String) {
        (self.root, self.issuer, self.place) = (root, issuer, place)
    }
}

extension AuthorityStore {
    /// Of several servers that start on an empty database one is to make the authority.
    /// - Parameter place: machine and folder; the same one may begin again after it was interrupted.
    package func beginFounding(_ place: String, now: Date) async throws(StoreError) -> Founding {
        try await commit { (sql) throws(StoreError) in
            try sql.run(
                """
                INSERT INTO founding (id, root, issuer, place, begun) VALUES (1, NULL, '', $1, $2) ON CONFLICT (id) DO NOTHING
                """,
                [place.sql, now.sql])
            return try Self.founding(sql, place)
        }
    }

    /// Writes down root and issuer unless that was done already.
    /// - Returns: what stands there now.
    package func found(_ founder: Founder, now: Date) async throws(StoreError) -> Founder {
        try await commit { (sql) throws(StoreError) in
            try sql.run(
                """
                INSERT INTO founding (id, root, issuer, place, begun) VALUES (1, $1, $2, $3, $4) ON CONFLICT (id) DO UPDATE SET
                root = excluded.root, issuer = excluded.issuer, place = excluded.place WHERE founding.root IS NULL
                """,
                [founder.root.sql, founder.issuer.sql, founder.place.sql, now.sql])
            guard case .made(let stored) = try Self.founding(sql, founder.place) else {
                throw .broken("the authority was not written down")
            }
            return stored
        }
    }

    /// A new intermediate below the same root.
    package func changeIssuer(_ issuer: String, root: [UInt8]) async throws(StoreError) {
        try await commit { (sql) throws(StoreError) in
            try sql.run("UPDATE founding SET issuer = $1 WHERE id = 1 AND root = $2", [issuer.sql, root.sql])
        }
    }

    /// A secret that all servers share: the first to come proposes it.
    package func secret(_ name: String, proposed: [UInt8]) async throws(StoreError) -> [UInt8] {
        try await commit { (sql) throws(StoreError) in
            try sql.run(
                "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", [name.sql, proposed.sql])
            guard let row = try sql.row("SELECT value FROM secrets WHERE name = $1", [name.sql]) else {
                throw .broken("a secret was not written down")
            }
            return try row.bytes(0)
        }
    }

    private static func founding(_ sql: any Session, _ place: String) throws(StoreError) -> Founding {
        guard let row = try sql.row("SELECT root, issuer, place FROM founding WHERE id = 1", []) else { return .yours }
        let by = try row.text(2)
        guard let root = try row.optional(0, { (row, index) throws(StoreError) in try row.bytes(index) }) else {
            return by == place ? .yours : .begun(by: by)
        }
        return .made(Founder(root: root, issuer: try row.text(1), place: by))
    }
}
