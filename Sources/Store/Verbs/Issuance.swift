package import ACME
package import Foundation

package enum IssuanceBeginning: Sendable, Equatable {
    case begun
    /// The order's status, and the intent while its certificate is not recorded.
    case already(OrderStatus, Intent?)
    /// The order could have been, but not with this key.
    case unusable(KeyUse)
}

extension AuthorityStore {
    /// Moves a ready order to `processing` and stores what is going to be signed; of many at once one begins.
    /// Readiness is judged inside the transaction, at `intent.created`.
    /// - Parameter key: what the certificate is for; nil: not looked at.
    /// - Throws: `notFound`; `conflict` when serial or id are taken; `broken` when `intent.order` is nil.
    package func beginIssuance(
        _ intent: Intent, for key: KeyToCertify? = nil, owner: String, leaseUntil: Date
    ) async throws(StoreError) -> IssuanceBeginning {
        guard let order = intent.order else { throw .broken("an issuance for an order, without the order") }
        return try await commit { (sql) throws(StoreError) in
            let questions = [Self.serialHolder(intent)] + (key?.questions ?? [])
            let (whole, others) = try Self.order(sql, order, isLocked: true, besides: questions)
            guard let found = whole else { throw .notFound }
            let status = found.status(at: intent.created)
            guard status == .ready else {
                return .already(status, status == .processing ? try Self.intent(sql, ofOrder: order) : nil)
            }
            if let use = key?.use(others.dropFirst()), use != .free { return .unusable(use) }
            guard others[0].rows.isEmpty else { throw .conflict("the serial number is taken") }
            let move = Statement(
                "UPDATE orders SET status = 'processing', certificate = $1 WHERE id = $2 AND status = 'pending'",
                [intent.id.sql, order.sql])
            let moved = try sql.conclude([move] + Self.insertions(intent, owner, leaseUntil))[0].changed
            guard moved == 1 else { throw .broken("an order changed while it was locked") }
            return .begun
        }
    }

    /// An intent that no order asked for: the authority's own certificate.
    package func beginOwnIssuance(_ intent: Intent, owner: String, leaseUntil: Date) async throws(StoreError) {
        try await commit { (sql) throws(StoreError) in
            let holder = Self.serialHolder(intent)
            guard try sql.row(holder.sql, holder.parameters) == nil else { throw .conflict("the serial number is taken") }
            try sql.conclude(Self.insertions(intent, owner, leaseUntil))
        }
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
        let isRecorded = try await commit { (sql) throws(StoreError) in
            let recording = Self.recording(certificate, identifiers, sql.dialect)
            return try sql.conclude(recording.statements)[recording.insertion].changed == 1
        }
        return isRecorded ? certificate : try await recordOutOfTurn(certificate, identifiers)
    }

    /// There is no such intent any more, or it is for another serial.
    private func recordOutOfTurn(
        _ certificate: StoredCertificate, _ identifiers: String
    ) async throws(StoreError) -> StoredCertificate {
        try await commit { (sql) throws(StoreError) in
            if let recorded = try Self.certificate(sql, certificate.id) { return recorded }
            guard try Self.intent(sql, certificate.id) == nil else {
                throw .conflict("the certificate is not the intended one")
            }
            guard let intent = try Self.voidedIntent(sql, certificate.id) else { throw .notFound }
            guard intent.issuer == certificate.issuer, intent.serial == certificate.serial else {
                throw .conflict("the certificate is not the intended one")
            }
            let recording = Self.recording(certificate, identifiers, sql.dialect, from: "voided_intents")
            guard try sql.conclude(recording.statements)[recording.insertion].changed == 1 else {
                throw .broken("a voided intent has changed")
            }
            return certificate
        }
    }

    /// Each of them does something only where `table` has the intent, which stays so until the last.
    /// - Returns: also which of them inserts the certificate.
    private static func recording(
        _ new: StoredCertificate, _ identifiers: String, _ dialect: Dialect, from table: String = "intents"
    ) -> (statements: [Statement], insertion: Int) {
        var statements: [Statement] = []
        if !dialect.forUpdate.isEmpty {
            if let order = new.order {
                statements.append(Statement("SELECT id FROM orders WHERE id = $1\(dialect.forUpdate)", [order.sql]))
            }
            statements.append(Statement("SELECT id FROM \(table) WHERE id = $1\(dialect.forUpdate)", [new.id.sql]))
        }
        let insertion = statements.count
        statements.append(
            Statement(
                """
                INSERT INTO certificates
                (id, order_id, account, issuer, serial, der, key_hash, identifiers, not_before, not_after, created)
                SELECT id, $1, $2, issuer, serial, $3, $4, $5, $6, $7, $8 FROM \(table)
                WHERE id = $9 AND issuer = $10 AND serial = $11
                """,
                [
                    new.order.sql(\.sql), new.account.sql(\.sql), new.der.sql, new.keyHash.sql, identifiers.sql,
                    new.notBefore.sql, new.notAfter.sql, new.created.sql, new.id.sql, new.issuer.sql, new.serial.sql,
                ]))
        let key = [new.id.sql, new.issuer.sql, new.serial.sql]
        for name in Set(new.identifiers.map(\.value)) {
            statements.append(
                Statement(
                    """
                    INSERT INTO certificate_names (name, certificate) SELECT $1, id FROM \(table)
                    WHERE id = $2 AND issuer = $3 AND serial = $4
                    """, [name.sql] + key))
        }
        if let order = new.order {
            // A crossed failure may have ended the order; a certificate that exists prevails.
            statements.append(
                Statement(
                    """
                    UPDATE orders SET status = 'valid', error = NULL WHERE id = $1 AND certificate =
                    (SELECT id FROM \(table) WHERE id = $2 AND issuer = $3 AND serial = $4)
                    """, [order.sql] + key))
        }
        // Whoever works on it has nothing left to do, whichever way it was recorded.
        statements.append(
            Statement(
                """
                DELETE FROM work WHERE subject = (SELECT id FROM \(table) WHERE id = $1 AND issuer = $2 AND serial = $3)
                AND challenge = ''
                """, key))
        // A voided intent stays: every signature has its row.
        statements.append(Statement("DELETE FROM intents WHERE id = $1 AND issuer = $2 AND serial = $3", key))
        return (statements, insertion)
    }

    /// Ends a processing order with its problem; its intent is kept as voided. Nothing happens in any other status.
    package func failIssuance(_ order: RecordID, _ problem: Problem) async throws(StoreError) {
        let text = try ProblemColumn.text(problem)
        try await commit { (sql) throws(StoreError) in
            let rows = try sql.rows(
                "UPDATE orders SET status = 'invalid', error = $1 WHERE id = $2 AND status = 'processing' RETURNING certificate",
                [text.sql, order.sql])
            if let intent = try rows.first?.id(0) { try sql.conclude(Self.voiding(intent, sql.dialect)) }
        }
    }

    /// Gives up an intent without an order.
    package func voidIntent(_ id: RecordID) async throws(StoreError) {
        try await commit { (sql) throws(StoreError) in try sql.conclude(Self.voiding(id, sql.dialect)) }
    }

    private static func voiding(_ id: RecordID, _ dialect: Dialect) -> [Statement] {
        [
            Statement(
                """
                INSERT INTO voided_intents (\(Intent.columns)) SELECT \(Intent.columns) FROM intents WHERE id = $1\(dialect.forUpdate)
                """, [id.sql]),
            Statement("DELETE FROM intents WHERE id = $1", [id.sql]),
            Statement("DELETE FROM work WHERE subject = $1 AND challenge = ''", [id.sql]),
        ]
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

    /// The intents' own table is short; the index that keeps serials apart is the certificates'.
    private static func serialHolder(_ intent: Intent) -> Statement {
        Statement("SELECT id FROM certificates WHERE serial = $1 AND issuer = $2", [intent.serial.sql, intent.issuer.sql])
    }

    private static func insertions(_ intent: Intent, _ owner: String, _ leaseUntil: Date) throws(StoreError) -> [Statement] {
        [
            Statement(
                "INSERT INTO intents (\(Intent.columns)) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                [
                    intent.id.sql, intent.order.sql(\.sql), intent.account.sql(\.sql), intent.issuer.sql, intent.serial.sql,
                    intent.toBeSigned.sql, try IdentifierColumn.text(intent.identifiers).sql, intent.created.sql,
                ]),
            workInsertion(.issuance, subject: intent.id, challenge: "", owner, leaseUntil, since: intent.created),
        ]
    }
}
