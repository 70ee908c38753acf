package import Foundation

/// All that are given must hold. `name` is matched whole, as the certificate spells it (`*.a.example` for a wildcard).
package struct CertificateFilter: Sendable, Equatable {
    package var name: String?
    package var account: RecordID?
    package var keyHash: [UInt8]?
    package var revoked: Bool?
    /// The end of the validity lies in it, its own end left out.
    package var ends: Range<Date>?

    package init(
        name: String? = nil, account: RecordID? = nil, keyHash: [UInt8]? = nil, revoked: Bool? = nil,
        ends: Range<Date>? = nil
    ) {
        (self.name, self.account, self.keyHash) = (name, account, keyHash)
        (self.revoked, self.ends) = (revoked, ends)
    }
}

extension AuthorityStore {
    package func certificate(_ id: RecordID) async throws(StoreError) -> StoredCertificate? {
        try await read { (sql) throws(StoreError) in try Self.certificate(sql, id) }
    }

    package func certificate(issuer: String, serial: [UInt8]) async throws(StoreError) -> StoredCertificate? {
        try await read { (sql) throws(StoreError) in try Self.certificate(sql, issuer: issuer, serial: serial) }
    }

    /// Those that the filter lets through, behind `last`: in the order of their making, or of their ends where `ends` alone narrows them.
    package func certificates(
        _ filter: CertificateFilter = CertificateFilter(), after last: StoredCertificate? = nil, limit: Int
    ) async throws(StoreError) -> [StoredCertificate] {
        let (query, parameters) = filter.query(after: last, limit: limit)
        return try await read { (sql) throws(StoreError) in
            try sql.rows(query, parameters).map { (row) throws(StoreError) in try StoredCertificate(row) }
        }
    }

    /// Whether any certificate was ever issued for the key.
    /// - Parameter hash: SHA-256 of the subject public key info.
    package func isKeyCertified(_ hash: [UInt8]) async throws(StoreError) -> Bool {
        try await read { (sql) throws(StoreError) in
            try sql.row("SELECT id FROM certificates WHERE key_hash = $1 LIMIT 1", [hash.sql]) != nil
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
    func query(after last: StoredCertificate?, limit: Int) -> (String, [SQLValue]) {
        var parameters: [SQLValue] = []
        func next(_ value: SQLValue) -> String {
            parameters.append(value)
            return "$\(parameters.count)"
        }
        var tables = "certificates c LEFT JOIN revocations r ON r.certificate = c.id"
        var key = "c.id"
        if name != nil {
            tables =
                "certificate_names n JOIN certificates c ON c.id = n.certificate LEFT JOIN revocations r ON r.certificate = c.id"
            key = "n.certificate"
        } else if revoked == true, account == nil, keyHash == nil {
            tables = "revocations r JOIN certificates c ON c.id = r.certificate"
            key = "r.certificate"
        }
        var order = key
        var conditions: [String] = []
        if let ends, key == "c.id", account == nil, keyHash == nil {
            order = "c.not_after, c.id"
            let place = (last?.notAfter ?? ends.lowerBound, last?.id ?? .first)
            conditions = ["(c.not_after, c.id) > (\(next(place.0.sql)), \(next(place.1.sql)))"]
            conditions.append("c.not_after < \(next(ends.upperBound.sql))")
        } else {
            conditions = ["\(key) > \(next((last?.id ?? .first).sql))"]
            // The sign keeps planners from walking along the ends, which would have to be sorted.
            if let ends {
                conditions.append("+c.not_after >= \(next(ends.lowerBound.sql))")
                conditions.append("+c.not_after < \(next(ends.upperBound.sql))")
            }
        }
        if let name { conditions.append("n.name = \(next(name.sql))") }
        if let account { conditions.append("c.account = \(next(account.sql))") }
        if let keyHash { conditions.append("c.key_hash = \(next(keyHash.sql))") }
        if let revoked { conditions.append(revoked ? "r.revoked IS NOT NULL" : "r.revoked IS NULL") }
        return (
            """
            SELECT \(StoredCertificate.columns) FROM \(tables) WHERE \(conditions.joined(separator: " AND ")) \
            ORDER BY \(order) LIMIT \(next(limit.sql))
            """, parameters
        )
    }
}
