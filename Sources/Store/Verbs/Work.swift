internal import ACME
package import Foundation

extension AuthorityStore {
    /// Takes up to `limit` items that wait or whose lease has run out, longest due first, and leases them to `owner`.
    package func claimWork(
        _ sort: WorkItem.Sort, owner: String, leaseUntil: Date, now: Date, limit: Int
    ) async throws(StoreError) -> [WorkItem] {
        try await commit { (sql) throws(StoreError) in
            try sql.rows(
                """
                UPDATE work SET owner = $1, due = $2, attempts = attempts + 1 WHERE (subject, challenge) IN
                (SELECT subject, challenge FROM work WHERE sort = $3 AND due <= $4 ORDER BY due LIMIT $5)
                RETURNING subject, challenge, sort, owner, due, attempts
                """,
                [owner.sql, leaseUntil.sql, sort.sql, now.sql, limit.sql]
            ).map { (row) throws(StoreError) in try WorkItem(row) }
        }
    }

    /// Takes an issuance that is the owner's already, or may be claimed.
    /// - Returns: false while another is at it, or when it is done.
    package func claimIssuance(
        _ intent: RecordID, owner: String, leaseUntil: Date, now: Date
    ) async throws(StoreError) -> Bool {
        try await commit { (sql) throws(StoreError) in
            try sql.run(
                """
                UPDATE work SET owner = $1, due = $2, attempts = attempts + 1
                WHERE subject = $3 AND challenge = '' AND (owner = $1 OR due <= $4)
                """,
                [owner.sql, leaseUntil.sql, intent.sql, now.sql]) == 1
        }
    }

    /// - Returns: false when the lease was lost to another owner or the work is done.
    package func extendLease(_ item: WorkItem, until: Date) async throws(StoreError) -> Bool {
        try await commit { (sql) throws(StoreError) in
            try sql.run(
                "UPDATE work SET due = $1 WHERE subject = $2 AND challenge = $3 AND owner = $4",
                [until.sql, item.subject.sql, item.challenge.sql, item.owner.sql]) == 1
        }
    }

    /// Work whose subject is gone.
    package func dropWork(_ item: WorkItem) async throws(StoreError) {
        try await commit { (sql) throws(StoreError) in
            try sql.run(
                "DELETE FROM work WHERE subject = $1 AND challenge = $2", [item.subject.sql, item.challenge.sql])
        }
    }

    /// When the next item of the sort may be claimed; nil: there is none.
    package func nextDue(_ sort: WorkItem.Sort) async throws(StoreError) -> Date? {
        try await read { (sql) throws(StoreError) in
            try sql.row("SELECT due FROM work WHERE sort = $1 ORDER BY due LIMIT 1", [sort.sql])?.time(0)
        }
    }

    static func insertWork(
        _ sort: WorkItem.Sort, subject: RecordID, challenge: String, _ owner: String, _ leaseUntil: Date, since: Date,
        _ sql: any Session
    ) throws(StoreError) {
        try sql.run(
            "INSERT INTO work (subject, challenge, sort, owner, due, attempts, since) VALUES ($1, $2, $3, $4, $5, 1, $6)",
            [subject.sql, challenge.sql, sort.sql, owner.sql, leaseUntil.sql, since.sql])
    }
}

extension WorkItem {
    package var subject: RecordID {
        switch kind {
        case .validation(let authorization, _): authorization
        case .issuance(let intent): intent
        }
    }

    /// Empty for an issuance.
    var challenge: String {
        switch kind {
        case .validation(_, let type): type.rawValue
        case .issuance: ""
        }
    }

    init(_ row: SQLRow) throws(StoreError) {
        let kind: Kind
        switch try row.word(2, as: Sort.self) {
        case .validation: kind = .validation(authorization: try row.id(0), type: try row.word(1))
        case .issuance: kind = .issuance(intent: try row.id(0))
        }
        self.init(kind: kind, owner: try row.text(3), leaseUntil: try row.time(4), attempts: Int(try row.integer(5)))
    }
}
