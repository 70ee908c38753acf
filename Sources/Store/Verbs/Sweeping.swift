package import Foundation
internal import Synchronization

package struct Swept: Sendable, Equatable {
    package var orders: Int
    package var authorizations: Int
    /// The whole of both tables was looked through; nothing more to do for now.
    package var finished: Bool
}

/// How far sweeping has come: each call looks at the next rows by id, so that none scans the table.
struct SweepCursor: Sendable {
    var order = RecordID.first
    var authorization = RecordID.first
}

extension AuthorityStore {
    /// Deletes orders and authorizations that expired before `cutoff` (now less a grace), looking at up to `limit` of each;
    /// call again until `finished`. What an order in process needs stays, and so do certificates and revocations.
    package func sweep(expiredBefore cutoff: Date, limit: Int = 200) async throws(StoreError) -> Swept {
        let start = sweepCursor.withLock { $0 }
        // Nothing made after the cutoff can have expired before it.
        let end = RecordID(at: cutoff, random: 0)
        let (swept, cursor) = try await commit { (sql) throws(StoreError) -> (Swept, SweepCursor) in
            var cursor = SweepCursor()
            let orders = try sql.rows(
                "SELECT id, status, expires FROM orders WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3",
                [start.order.sql, end.sql, limit.sql])
            var deletions: [Statement] = []
            for row in orders {
                cursor.order = try row.id(0)
                guard try row.time(2) < cutoff else { continue }
                deletions.append(Statement("DELETE FROM orders WHERE id = $1 AND status <> 'processing'", [cursor.order.sql]))
            }
            let deletedOrders = try sql.batch(deletions).reduce(0) { $0 + $1.changed }
            let needed = try Self.authorizationsInProcess(sql)
            let authorizations = try sql.rows(
                "SELECT id, expires FROM authorizations WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3",
                [start.authorization.sql, end.sql, limit.sql])
            var works: [Statement] = []
            deletions = []
            for row in authorizations {
                cursor.authorization = try row.id(0)
                guard try row.time(1) < cutoff, !needed.contains(cursor.authorization) else { continue }
                deletions.append(Statement("DELETE FROM authorizations WHERE id = $1", [cursor.authorization.sql]))
                works.append(Statement("DELETE FROM work WHERE subject = $1", [cursor.authorization.sql]))
            }
            let deletedAuthorizations = try sql.conclude(deletions + works).prefix(deletions.count).reduce(0) { $0 + $1.changed }
            let ended = (orders.count < limit, authorizations.count < limit)
            if ended.0 { cursor.order = ended.1 ? .first : end }
            if ended.1 { cursor.authorization = ended.0 ? .first : end }
            return (
                Swept(orders: deletedOrders, authorizations: deletedAuthorizations, finished: ended.0 && ended.1), cursor
            )
        }
        sweepCursor.withLock { $0 = cursor }
        return swept
    }

    private static func authorizationsInProcess(_ sql: any Session) throws(StoreError) -> Set<RecordID> {
        let rows = try sql.rows(
            "SELECT o.authorizations FROM intents i JOIN orders o ON o.id = i.order_id WHERE i.id > $1 ORDER BY i.id",
            [RecordID.first.sql])
        var ids: Set<RecordID> = []
        for row in rows { ids.formUnion(try StoredOrder.ids(try row.bytes(0))) }
        return ids
    }
}
