package import ACME
package import Foundation

package enum IssuanceBeginning: Sendable, Equatable {
    case begun
    /// The order's status, and the intent while its certificate is not recorded.
    case already(OrderStatus, Intent?)
}

extension AuthorityStore {
    /// Moves a ready order to `processing` and stores what is going to be signed; of many at once one begins.
    /// Readiness is judged inside the transaction, at `intent.created`.
    /// - Throws: `notFound`; `conflict` when serial or id are taken; `broken` when `intent.order` is nil.
    package func beginIssuance(
        _ intent: Intent, owner: String, leaseUntil: Date
    ) async throws(StoreError) -> IssuanceBeginning {
        guard let order = intent.order else { throw .broken("an issuance for an order, without the order") }
        return try await commit { (sql) throws(StoreError) in
            guard let found = try Self.order(sql, order) else { throw .notFound }
            let status = found.status(at: intent.created)
            guard status == .ready else {
                return .already(status, status == .processing ? try Self.intent(sql, ofOrder: order) : nil)
            }
            let moved = try sql.run(
                "UPDATE orders SET status = 'processing', certificate = $1 WHERE id = $2 AND status = 'pending'",
                [intent.id.sql, order.sql])
            guard moved == 1 else { return .already(.processing, try Self.intent(sql, ofOrder: order)) }
            try Self.insert(intent, owner, leaseUntil, sql)
            return .begun
        }
    }

    /// An intent that no order asked for: the authority's own certificate.
    package func beginOwnIssuance(_ intent: Intent, owner: String, leaseUntil: Date) async throws(StoreError) {
        try await commit { (sql) throws(StoreError) in try Self.insert(intent, owner, leaseUntil, sql) }
    }

    package func intent(_ id: RecordID) async throws(StoreError) -> Intent? {
        try await read { (sql) throws(StoreError) in try Self.intent(sql, id) }
    }

    /// What is to be signed for an order in process.
    package func intent(of order: RecordID) async throws(StoreError) -> Intent? {
        try await read(snapshot: true) { (sql) throws(StoreError) in try Self.intent(sql, ofOrder: order) }
    }

    /// Oldest first, behind `cursor`: what a crash may have left between intent and certificate.
    package func intentsWithoutCertificate(
        after cursor: RecordID? = nil, limit: Int = 1000
    ) async throws(StoreError) -> [Intent] {
        try await read { (sql) throws(StoreError) in
            try sql.rows(
                "SELECT \(Intent.columns) FROM intents WHERE id > $1 ORDER BY id LIMIT $2",
                [(cursor ?? .first).sql, limit.sql]
            ).map { (row) throws(StoreError) in try Intent(row) }
        }
    }

    /// Certificate, names, order `valid`, intent and work done, all at once. Where a certificate of that id is recorded
    /// already, nothing changes: two signatures over the same bytes are one certificate, the first.
    /// A voided intent is no obstacle: once signed, the certificate must be known.
    /// - Returns: the certificate that stands.
    /// - Throws: `notFound` without an intent of that id; `conflict` when issuer or serial differ from it.
    @discardableResult
    package func recordIssuance(_ certificate: StoredCertificate) async throws(StoreError) -> StoredCertificate {
        let identifiers = try IdentifierColumn.text(certificate.identifiers)
        return try await commit { (sql) throws(StoreError) in
            if let recorded = try Self.certificate(sql, certificate.id) { return recorded }
            var intent = try Self.intent(sql, certificate.id)
            if intent == nil { intent = try Self.voidedIntent(sql, certificate.id) }
            guard let intent else { throw .notFound }
            guard intent.issuer == certificate.issuer, intent.serial == certificate.serial else {
                throw .conflict("the certificate is not the intended one")
            }
            try Self.insert(certificate, identifiers, sql)
            if let order = intent.order {
                // A crossed failure may have ended the order; a certificate that exists prevails.
                try sql.run(
                    "UPDATE orders SET status = 'valid', error = NULL WHERE id = $1 AND certificate = $2",
                    [order.sql, certificate.id.sql])
            }
            try sql.run("DELETE FROM intents WHERE id = $1", [certificate.id.sql])
            try Self.deleteIssuanceWork(certificate.id, sql)
            return certificate
        }
    }

    /// Ends a processing order with its problem; its intent is kept as voided. Nothing happens in any other status.
    package func failIssuance(_ order: RecordID, _ problem: Problem) async throws(StoreError) {
        let text = try ProblemColumn.text(problem)
        try await commit { (sql) throws(StoreError) in
            let rows = try sql.rows(
                "UPDATE orders SET status = 'invalid', error = $1 WHERE id = $2 AND status = 'processing' RETURNING certificate",
                [text.sql, order.sql])
            if let intent = try rows.first?.id(0) { try Self.void(intent, sql) }
        }
    }

    /// Gives up an intent without an order.
    package func voidIntent(_ id: RecordID) async throws(StoreError) {
        try await commit { (sql) throws(StoreError) in try Self.void(id, sql) }
    }

    private static func void(_ id: RecordID, _ sql: any Session) throws(StoreError) {
        try sql.run(
            "INSERT INTO voided_intents (\(Intent.columns)) SELECT \(Intent.columns) FROM intents WHERE id = $1", [id.sql])
        try sql.run("DELETE FROM intents WHERE id = $1", [id.sql])
        try deleteIssuanceWork(id, sql)
    }

    private static func deleteIssuanceWork(_ intent: RecordID, _ sql: any Session) throws(StoreError) {
        try sql.run("DELETE FROM work WHERE subject = $1 AND challenge = ''", [intent.sql])
    }

    private static func intent(_ sql: any Session, _ id: RecordID) throws(StoreError) -> Intent? {
        guard let row = try sql.row("SELECT \(Intent.columns) FROM intents WHERE id = $1", [id.sql]) else { return nil }
        return try Intent(row)
    }

    private static func voidedIntent(_ sql: any Session, _ id: RecordID) throws(StoreError) -> Intent? {
        guard let row = try sql.row("SELECT \(Intent.columns) FROM voided_intents WHERE id = $1", [id.sql]) else { return nil }
        return try Intent(row)
    }

    private static func intent(_ sql: any Session, ofOrder order: RecordID) throws(StoreError) -> Intent? {
        guard let row = try sql.row("SELECT certificate FROM orders WHERE id = $1", [order.sql]), !row.isNull(0) else {
            return nil
        }
        return try intent(sql, try row.id(0))
    }

    private static func insert(
        _ intent: Intent, _ owner: String, _ leaseUntil: Date, _ sql: any Session
    ) throws(StoreError) {
        // The intents' own table is short; the index that keeps serials apart is the certificates'.
        let taken = try sql.row(
            "SELECT id FROM certificates WHERE serial = $1 AND issuer = $2", [intent.serial.sql, intent.issuer.sql])
        guard taken == nil else { throw .conflict("the serial number is taken") }
        try sql.run(
            "INSERT INTO intents (\(Intent.columns)) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            [
                intent.id.sql, intent.order.sql(\.sql), intent.account.sql(\.sql), intent.issuer.sql, intent.serial.sql,
                intent.toBeSigned.sql, try IdentifierColumn.text(intent.identifiers).sql, intent.created.sql,
            ])
        try insertWork(.issuance, subject: intent.id, challenge: "", owner, leaseUntil, since: intent.created, sql)
    }

    private static func insert(
        _ new: StoredCertificate, _ identifiers: String, _ sql: any Session
    ) throws(StoreError) {
        try sql.run(
            """
            INSERT INTO certificates
            (id, order_id, account, issuer, serial, der, key_hash, identifiers, not_before, not_after, created)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            """,
            [
                new.id.sql, new.order.sql(\.sql), new.account.sql(\.sql), new.issuer.sql, new.serial.sql, new.der.sql,
                new.keyHash.sql, identifiers.sql, new.notBefore.sql, new.notAfter.sql, new.created.sql,
            ])
        for name in Set(new.identifiers.map(\.value)) {
            try sql.run("INSERT INTO certificate_names (name, certificate) VALUES ($1, $2)", [name.sql, new.id.sql])
        }
    }
}
