package import Foundation

/// Under whose key nonces are given for a while.
package struct NonceEpoch: Sendable, Equatable {
    /// Rises from epoch to epoch.
    package var id: Int64
    package var key: [UInt8]
    package var made: Date
    package init(id: Int64, key: [UInt8], made: Date) { (self.id, self.key, self.made) = (id, key, made) }
}

package struct NonceNumber: Sendable, Hashable {
    package var epoch: Int64
    package var number: Int64
    package init(epoch: Int64, number: Int64) { (self.epoch, self.number) = (epoch, number) }
}

/// The book of spent nonces that several servers share. On PostgreSQL both tables are UNLOGGED: a crash or a failover empties them
/// together, and with the keys' rows gone no nonce of theirs is taken again.
extension AuthorityStore {
    /// The most that one call of `spend` takes.
    package static let mostNonces = 64

    /// Those that can be used, the newest last.
    package func nonceEpochs() async throws(StoreError) -> [NonceEpoch] {
        try await read { (sql) throws(StoreError) in try Self.epochs(sql) }
    }

    /// Begins an epoch unless the newest was made after `old`, and ends all but the newest two.
    /// - Returns: those that can be used now, the newest last.
    package func turnNonceEpoch(key: [UInt8], now: Date, unlessMadeAfter old: Date) async throws(StoreError) -> [NonceEpoch] {
        try await commitLightly { (sql) throws(StoreError) in
            // One server at a time: of two new epochs one would push out another too early.
            try sql.run("UPDATE account_changes SET number = number WHERE id = 1", [])
            let found = try Self.epochs(sql)
            if let newest = found.last, newest.made > old { return found }
            // Never the number of an epoch that a crash took away: a server that slept through it may still have that one's key.
            let id = max(now.microseconds, (found.last?.id ?? 0) + 1)
            try sql.run(
                "INSERT INTO nonce_epochs (id, key, made, ended) VALUES ($1, $2, $3, 0)", [id.sql, key.sql, now.sql])
            let kept = Array(found.suffix(1)) + [NonceEpoch(id: id, key: key, made: now)]
            try sql.run("UPDATE nonce_epochs SET ended = 1 WHERE id < $1 AND ended = 0", [(kept.first?.id ?? id).sql])
            return kept
        }
    }

    /// Writes nonces down as spent.
    /// - Parameter nonces: at most `mostNonces`.
    /// - Returns: those that were not spent before and whose epoch has not ended; and how often accounts have changed, as it was when
    ///   they were written down (nil when none was).
    package func spend(_ nonces: [NonceNumber]) async throws(StoreError) -> (fresh: Set<NonceNumber>, accountChanges: Int64?) {
        guard let first = nonces.first else { return ([], nil) }
        // A few lengths, so that few statements are to be prepared; the same one twice is spent once.
        var padded = Array(nonces.prefix(Self.mostNonces))
        while padded.count.nonzeroBitCount != 1 { padded.append(first) }
        let values = padded.indices.map { "($\(2 * $0 + 1), $\(2 * $0 + 2))" }.joined(separator: ", ")
        let parameters = padded.flatMap { [$0.epoch.sql, $0.number.sql] }
        return try await commitLightly { (sql) throws(StoreError) in
            let rows = try sql.rows(
                """
                INSERT INTO spent_nonces (epoch, number) SELECT column1, column2 FROM (VALUES \(values)) AS given
                WHERE column1 IN (SELECT id FROM nonce_epochs WHERE ended = 0) ON CONFLICT (epoch, number) DO NOTHING
                RETURNING epoch, number, (SELECT number FROM account_changes WHERE id = 1)
                """,
                parameters)
            var fresh: Set<NonceNumber> = []
            for row in rows { fresh.insert(NonceNumber(epoch: try row.integer(0), number: try row.integer(1))) }
            return (fresh, try rows.first?.integer(2))
        }
    }

    /// Epochs that have ended and are not yet cleared away.
    package func endedNonceEpochs() async throws(StoreError) -> [Int64] {
        try await read { (sql) throws(StoreError) in
            try sql.rows("SELECT id FROM nonce_epochs WHERE id > 0 AND ended = 1 ORDER BY id", [])
                .map { (row) throws(StoreError) in try row.integer(0) }
        }
    }

    /// Clears away some of the spent nonces of an ended epoch, and at last the epoch. Call it only when no call of `spend` that began
    /// before the epoch's end can still be under way.
    /// - Returns: whether the epoch is gone.
    package func sweepNonces(_ epoch: Int64, limit: Int = 5_000) async throws(StoreError) -> Bool {
        try await commitLightly { (sql) throws(StoreError) in
            let gone = try sql.run(
                """
                DELETE FROM spent_nonces WHERE epoch = $1 AND number IN
                (SELECT number FROM spent_nonces WHERE epoch = $1 ORDER BY number LIMIT $2)
                """,
                [epoch.sql, limit.sql])
            if gone > 0 { return false }
            try sql.run("DELETE FROM nonce_epochs WHERE id = $1 AND ended = 1", [epoch.sql])
            return true
        }
    }

    private static func epochs(_ sql: any Session) throws(StoreError) -> [NonceEpoch] {
        try sql.rows("SELECT id, key, made FROM nonce_epochs WHERE id > 0 AND ended = 0 ORDER BY id", [])
            .map { (row) throws(StoreError) in
                NonceEpoch(id: try row.integer(0), key: try row.bytes(1), made: try row.time(2))
            }
    }
}
