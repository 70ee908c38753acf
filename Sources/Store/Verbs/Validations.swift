package import ACME
package import Foundation

package enum Verdict: Sendable, Equatable {
    /// - until: when the authorization expires from now on.
    case valid(until: Date)
    case invalid(Problem)
}

extension AuthorityStore {
    /// The client says it is ready: the challenge goes from `pending` to `processing`, and its work item is leased to
    /// `owner`. Already begun, or decided, or no longer pending at `now`: unchanged.
    /// - Parameter account: whose it must be; nil: whosever.
    /// - Returns: the authorization as it stands, and whether this call began it.
    /// - Throws: `notFound`, also when the authorization is another account's or has no such challenge.
    package func beginValidation(
        _ id: RecordID, _ type: ChallengeType, account: RecordID? = nil, owner: String, leaseUntil: Date, now: Date
    ) async throws(StoreError) -> (authorization: StoredAuthorization, begun: Bool) {
        try await commit { (sql) throws(StoreError) in
            guard let (stored, version) = try Self.authorization(sql, id), account == nil || stored.account == account else {
                throw .notFound
            }
            var found = stored
            guard let index = found.challenges.firstIndex(where: { $0.type == type }) else { throw .notFound }
            guard found.status(at: now) == .pending, found.challenges[index].status == .pending else { return (found, false) }
            found.challenges[index].status = .processing
            try Self.update(found, version: version, sql)
            try Self.insertWork(.validation, subject: id, challenge: type.rawValue, owner, leaseUntil, since: now, sql)
            return (found, true)
        }
    }

    /// A query failed, but more will follow: the error is kept for the client to see, and the work may be claimed from
    /// `due` on. Nothing happens when the challenge is not processing, or the work is another's by now.
    /// - Returns: whether the work is still the owner's.
    @discardableResult
    package func recordAttempt(
        _ id: RecordID, _ type: ChallengeType, _ problem: Problem, owner: String, due: Date
    ) async throws(StoreError) -> Bool {
        try await commit { (sql) throws(StoreError) in
            guard let (stored, version) = try Self.authorization(sql, id) else { return false }
            var found = stored
            guard found.status == .pending, let index = found.challenges.firstIndex(where: { $0.type == type }),
                found.challenges[index].status == .processing
            else { return false }
            let isOwners = try sql.run(
                "UPDATE work SET due = $1 WHERE subject = $2 AND challenge = $3 AND owner = $4",
                [due.sql, id.sql, type.sql, owner.sql])
            guard isOwners == 1 else { return false }
            found.challenges[index].error = problem
            found.challenges[index].attempts += 1
            try Self.update(found, version: version, sql)
            return true
        }
    }

    /// Moves challenge and authorization and ends the work. The first verdict stands: where the challenge is no longer
    /// processing, or the authorization no longer pending, nothing but the work item goes.
    /// - Returns: the authorization as it stands.
    /// - Throws: `notFound`.
    @discardableResult
    package func recordVerdict(
        _ id: RecordID, _ type: ChallengeType, _ verdict: Verdict, at now: Date
    ) async throws(StoreError) -> StoredAuthorization {
        try await commit { (sql) throws(StoreError) in
            try sql.run("DELETE FROM work WHERE subject = $1 AND challenge = $2", [id.sql, type.sql])
            guard let (stored, version) = try Self.authorization(sql, id) else { throw .notFound }
            var found = stored
            guard found.status == .pending, let index = found.challenges.firstIndex(where: { $0.type == type }),
                found.challenges[index].status == .processing
            else { return found }
            switch verdict {
            case .valid(let until):
                found.challenges[index].status = .valid
                found.challenges[index].validated = now
                found.challenges[index].error = nil
                found.status = .valid
                found.expires = until
            case .invalid(let problem):
                found.challenges[index].status = .invalid
                found.challenges[index].error = problem
                found.challenges[index].attempts += 1
                found.status = .invalid
            }
            try Self.update(found, version: version, sql)
            return found
        }
    }
}
