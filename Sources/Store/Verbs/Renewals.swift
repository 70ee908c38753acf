internal import ACME
package import Foundation

/// What decides when a certificate should be renewed (RFC 9773).
package struct StoredRenewal: Sendable, Equatable {
    package var notBefore: Date
    package var notAfter: Date
    package var revoked: Date?
    package var announcement: RenewalAnnouncement?

    package init(notBefore: Date, notAfter: Date, revoked: Date? = nil, announcement: RenewalAnnouncement? = nil) {
        (self.notBefore, self.notAfter, self.revoked, self.announcement) = (notBefore, notAfter, revoked, announcement)
    }
}

/// The operator wants certificates to be renewed now, whatever is left of their life.
package struct RenewalAnnouncement: Sendable, Equatable {
    package var at: Date
    /// URL of a page that tells why.
    package var explanation: String?
    package init(at: Date, explanation: String?) { (self.at, self.explanation) = (at, explanation) }
}

extension AuthorityStore {
    /// - Returns: nil for a certificate that is not this authority's.
    package func renewal(issuer: String, serial: [UInt8]) async throws(StoreError) -> StoredRenewal? {
        try await read { (sql) throws(StoreError) in
            let query = """
                SELECT c.not_before, c.not_after, r.revoked, a.announced, a.explanation
                FROM certificates c LEFT JOIN revocations r ON r.certificate = c.id
                LEFT JOIN announcements a ON a.certificate = c.id WHERE c.serial = $1 AND c.issuer = $2
                """
            guard let row = try sql.row(query, [serial.sql, issuer.sql]) else { return nil }
            let announced = try row.optional(3) { (row, index) throws(StoreError) in
                RenewalAnnouncement(
                    at: try row.time(index),
                    explanation: try row.optional(4) { (row, index) throws(StoreError) in try row.text(index) })
            }
            return StoredRenewal(
                notBefore: try row.time(0), notAfter: try row.time(1),
                revoked: try row.optional(2) { (row, index) throws(StoreError) in try row.time(index) }, announcement: announced)
        }
    }

    /// A later announcement takes the place of an earlier one.
    /// - Parameter certificates: those that there are; at most some hundreds at a time.
    package func announceRenewal(of certificates: [RecordID], _ announcement: RenewalAnnouncement) async throws(StoreError) {
        try await commit { (sql) throws(StoreError) in
            for certificate in certificates {
                try sql.run(
                    """
                    INSERT INTO announcements (certificate, announced, explanation) VALUES ($1, $2, $3)
                    ON CONFLICT (certificate) DO UPDATE SET announced = excluded.announced, explanation = excluded.explanation
                    """,
                    [certificate.sql, announcement.at.sql, announcement.explanation.sql(\.sql)])
            }
        }
    }

    /// - Returns: how many were announced.
    @discardableResult
    package func withdrawRenewal(of certificates: [RecordID]) async throws(StoreError) -> Int {
        try await commit { (sql) throws(StoreError) in
            var count = 0
            for certificate in certificates {
                count += try sql.run("DELETE FROM announcements WHERE certificate = $1", [certificate.sql])
            }
            return count
        }
    }

    /// Marks the certificate that the order names as replaced by it, unless an order that is not invalid has done so already (RFC 9773
    /// section 5). Of two at once, one succeeds.
    static func claimReplacement(_ order: StoredOrder, _ sql: any Session) throws(StoreError) -> Bool {
        guard let certificate = order.replaces else { return true }
        let new = [certificate.sql, order.id.sql, order.expires.sql]
        let inserted = try sql.run(
            """
            INSERT INTO replacements (certificate, order_id, expires) VALUES ($1, $2, $3)
            ON CONFLICT (certificate) DO NOTHING
            """, new)
        if inserted == 1 { return true }
        guard let row = try sql.row("SELECT order_id, expires FROM replacements WHERE certificate = $1", [certificate.sql]) else {
            throw .conflict("a replacement has changed meanwhile")
        }
        let earlier = try row.id(0)
        guard try isInvalid(earlier, of: order.account, expires: try row.time(1), at: order.created, sql) else { return false }
        let moved = try sql.run(
            "UPDATE replacements SET order_id = $1, expires = $2 WHERE certificate = $3 AND order_id = $4",
            [order.id.sql, order.expires.sql, certificate.sql, earlier.sql])
        return moved == 1
    }

    /// An order that was swept is judged by whether a certificate came of it: one made while it lived.
    private static func isInvalid(
        _ id: RecordID, of account: RecordID, expires: Date, at now: Date, _ sql: any Session
    ) throws(StoreError) -> Bool {
        if let order = try order(sql, id) { return order.status(at: now) == .invalid }
        let query = "SELECT id FROM certificates WHERE account = $1 AND id > $2 AND id < $3 AND order_id = $4 LIMIT 1"
        return try sql.row(query, [account.sql, id.sql, RecordID(at: expires, random: .max).sql, id.sql]) == nil
    }
}
