package import Foundation

/// All that are given must hold. `name` is matched whole, as the certificate spells it (`*.a.example` for a wildcard).
package struct CertificateFilter: Sendable, Equatable {
    package var name: String?
    package var account: RecordID?
    package var keyHash: [UInt8]?
    package var revoked: Bool?
    package var expiresBefore: Date?

    package init(
        name: String? = nil, account: RecordID? = nil, keyHash: [UInt8]? = nil, revoked: Bool? = nil,
        expiresBefore: Date? = nil
    ) {
        (self.name, self.account, self.keyHash) = (name, account, keyHash)
        (self.revoked, self.expiresBefore) = (revoked, expiresBefore)
    }
}

extension AuthorityStore {
    package func certificate(_ id: RecordID) async throws(StoreError) -> StoredCertificate? {
        try await read { (sql) throws(StoreError) in try Self.certificate(sql, id) }
    }

    package func certificate(issuer: String, serial: [UInt8]) async throws(StoreError) -> StoredCertificate? {
        try await read { (sql) throws(StoreError) in try Self.certificate(sql, issuer: issuer, serial: serial) }
    }

    /// In the order of their making, behind `cursor`.
    package func certificates(
        _ filter: CertificateFilter = CertificateFilter(), after cursor: RecordID? = nil, limit: Int
    ) async throws(StoreError) -> [StoredCertificate] {
        let (query, parameters) = filter.query(after: cursor ?? .first, limit: limit)
        return try await read { (sql) throws(StoreError) in
            try sql.rows(query, parameters).map { (row) throws(StoreError) in try StoredCertificate(row) }
        }
    }

    static func certificate(_ sql: any Session, _ id: RecordID) throws(StoreError) -> StoredCertificate? {
        let query = """
            SELECT \(StoredCertificate.columns) FROM certificates c LEFT JOIN revocations r ON r.certificate = c.id
            WHERE c.id = $1
            """
        guard let row = try sql.row(query, [id.sql]) else { return nil }
        return try StoredCertificate(row)
    }

    static func certificate(_ sql: any Session, issuer: String, serial: [UInt8]) throws(StoreError) -> StoredCertificate? {
        let query = """
            SELECT \(StoredCertificate.columns) FROM certificates c LEFT JOIN revocations r ON r.certificate = c.id
            WHERE c.serial = $1 AND c.issuer = $2
            """
        guard let row = try sql.row(query, [serial.sql, issuer.sql]) else { return nil }
        return try StoredCertificate(row)
    }
}

extension CertificateFilter {
    /// The narrowest table leads, so that each form has an index to walk along.
    func query(after cursor: RecordID, limit: Int) -> (String, [SQLValue]) {
        var parameters = [cursor.sql]
        func next(_ value: SQLValue) -> String {
            parameters.append(value)
            return "$\(parameters.count)"
        }
        var tables = "certificates c LEFT JOIN revocations r ON r.certificate = c.id"
        var key = "c.id"
        var conditions: [String] = []
        if let name {
            tables =
                "certificate_names n JOIN certificates c ON c.id = n.certificate LEFT JOIN revocations r ON r.certificate = c.id"
            key = "n.certificate"
            conditions.append("n.name = \(next(name.sql))")
        } else if revoked == true, account == nil, keyHash == nil {
            tables = "revocations r JOIN certificates c ON c.id = r.certificate"
            key = "r.certificate"
        }
        if let account { conditions.append("c.account = \(next(account.sql))") }
        if let keyHash { conditions.append("c.key_hash = \(next(keyHash.sql))") }
        if let revoked { conditions.append(revoked ? "r.revoked IS NOT NULL" : "r.revoked IS NULL") }
        if let expiresBefore { conditions.append("c.not_after < \(next(expiresBefore.sql))") }
        let filter = ["\(key) > $1"] + conditions
        let limit = next(limit.sql)
        return (
            """
            SELECT \(StoredCertificate.columns) FROM \(tables) WHERE \(filter.joined(separator: " AND ")) \
            ORDER BY \(key) LIMIT \(limit)
            """, parameters
        )
    }
}
