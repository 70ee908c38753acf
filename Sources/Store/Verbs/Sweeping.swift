internal import ACME
package import Foundation
internal import Synchronization

package struct Swept: Sendable, Equatable {
    package var orders: Int
    package var authorizations: Int
    /// The round is over; nothing more to do for now.
    package var finished: Bool
}

/// How far a round of sweeping has come in each table.
struct SweepCursor: Sendable {
    var order = RecordID.first
    var authorization = RecordID.first
}

extension AuthorityStore {
    /// Deletes orders and authorizations that expired before `cutoff` (now less a grace), looking at up to `limit` of each in the order of
    /// their making; call again until `finished`. What an order in process needs stays, and so do certificates and revocations. Looking
    /// does not wait for the writer; only what is found rides a commit.
    /// - Parameter thorough: look at every row that could have expired. Else the round ends in a table at the first page without an
    ///   expired row: lifetimes are mostly alike, so that what was made later expires later.
    package func sweep(
        expiredBefore cutoff: Date, limit: Int = 200, thorough: Bool = true
    ) async throws(StoreError) -> Swept {
        let start = sweepCursor.withLock { $0 }
        // Nothing made after the cutoff can have expired before it.
        let end = RecordID(at: cutoff, random: 0)
        let (orders, authorizations) = try await read(snapshot: true) { (sql) throws(StoreError) in
            let orders = try sql.rows(
                "SELECT id, expires, status FROM orders WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3",
                [start.order.sql, end.sql, limit.sql])
            let authorizations = try sql.rows(
                "SELECT id, expires FROM authorizations WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3",
                [start.authorization.sql, end.sql, limit.sql])
            return (
                try SweptPage(orders, cutoff) { (row) throws(StoreError) in try row.text(2) != OrderStatus.processing.rawValue },
                try SweptPage(authorizations, cutoff)
            )
        }
        var swept = Swept(orders: 0, authorizations: 0, finished: false)
        if !orders.expired.isEmpty || !authorizations.expired.isEmpty {
            (swept.orders, swept.authorizations) = try await commit { (sql) throws(StoreError) in
                (
                    try Self.deleteOrders(orders, behind: start.order, cutoff, sql),
                    try Self.deleteAuthorizations(authorizations, behind: start.authorization, cutoff, sql)
                )
            }
        }
        func goesOn(_ page: SweptPage) -> Bool { page.count == limit && (thorough || !page.expired.isEmpty) }
        let next = SweepCursor(
            order: goesOn(orders) ? orders.last ?? end : end,
            authorization: goesOn(authorizations) ? authorizations.last ?? end : end)
        swept.finished = next.order == end && next.authorization == end
        sweepCursor.withLock { [swept] in $0 = swept.finished ? SweepCursor() : next }
        return swept
    }

    private static func deleteOrders(
        _ page: SweptPage, behind start: RecordID, _ cutoff: Date, _ sql: any Session
    ) throws(StoreError) -> Int {
        guard let last = page.expired.last else { return 0 }
        return try sql.run(
            "DELETE FROM orders WHERE id > $1 AND id <= $2 AND expires < $3 AND status <> 'processing'",
            [start.sql, last.sql, cutoff.sql])
    }

    /// Run by run between those that are still needed, and the work that is left without its authorization.
    private static func deleteAuthorizations(
        _ page: SweptPage, behind start: RecordID, _ cutoff: Date, _ sql: any Session
    ) throws(StoreError) -> Int {
        guard let last = page.expired.last else { return 0 }
        let needed = try authorizationsInProcess(sql)
        var deleted = 0
        var behind = start
        func delete(upTo last: RecordID) throws(StoreError) {
            deleted += try sql.run(
                "DELETE FROM authorizations WHERE id > $1 AND id <= $2 AND expires < $3",
                [behind.sql, last.sql, cutoff.sql])
        }
        var before = start
        for id in page.expired {
            if needed.contains(id) {
                if before > behind { try delete(upTo: before) }
                behind = id
            }
            before = id
        }
        if before > behind { try delete(upTo: before) }
        try sql.run(
            """
            DELETE FROM work WHERE subject > $1 AND subject <= $2 AND sort = $3
            AND NOT EXISTS (SELECT id FROM authorizations WHERE authorizations.id = work.subject)
            """,
            [start.sql, last.sql, WorkItem.Sort.validation.sql])
        return deleted
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

/// Rows of one table that a step of sweeping looked at.
private struct SweptPage {
    let count: Int
    let last: RecordID?
    /// Those that may go, in their order.
    var expired: [RecordID] = []

    /// - Parameter rows: identifier and expiry first.
    init(_ rows: [SQLRow], _ cutoff: Date, where mayGo: (SQLRow) throws(StoreError) -> Bool = { _ in true }) throws(StoreError) {
        count = rows.count
        last = try rows.last?.id(0)
        for row in rows where try row.time(1) < cutoff {
            if try mayGo(row) { expired.append(try row.id(0)) }
        }
    }
}
