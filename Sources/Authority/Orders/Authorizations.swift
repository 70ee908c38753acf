package import ACME
internal import Faults
internal import Foundation
internal import Logging
package import Store

/// RFC 8555 section 7.5.
extension CertificateAuthority {
    /// - Throws: `notYours`, whether or not it exists.
    package func authorization(_ id: RecordID, for account: RecordID) async throws(Refusal) -> StoredAuthorization {
        let found = try await stored { () async throws(StoreError) in try await store.authorization(id) }
        guard let found, found.account == account else { throw .notYours }
        return found
    }

    /// The same, for a client that waits for a verdict: while a target is being asked, the look is held for a short while.
    package func settledAuthorization(_ id: RecordID, for account: RecordID) async throws(Refusal) -> StoredAuthorization {
        await validations.queryEnds(id, of: account)
        return try await authorization(id, for: account)
    }

    /// RFC 8555 section 7.5.2. Asked again, it is as it was.
    /// - Throws: `notYours`; `wrongState` for one that is neither pending nor valid.
    package func deactivateAuthorization(_ id: RecordID, for account: RecordID) async throws(Refusal) -> StoredAuthorization {
        let found = try await authorization(id, for: account)
        let status = found.status(at: around.now())
        if status == .deactivated { return found }
        guard status == .pending || status == .valid else {
            throw .wrongState("The authorization is \(status.rawValue) already.")
        }
        let changed: StoredAuthorization
        do { changed = try await store.deactivateAuthorization(id, account: account) } catch .conflict {
            throw .wrongState("The authorization has changed meanwhile.")
        } catch {
            log.error("the store refused", metadata: .event(authorization: id, error: error))
            throw Refusal(error)
        }
        log.info("authorization deactivated", metadata: .event(account: account, authorization: id))
        return changed
    }

    /// The client says that the proof is in place. Never waits for the network: the duty is stored, and a worker takes it at once. Said
    /// again while processing, it brings the next query forward; said when all is over, it changes nothing.
    /// - Throws: `notYours`, also for a type that the authorization does not offer; `wrongState` when the authorization has ended with
    ///   this challenge still pending.
    package func respond(_ id: RecordID, _ type: ChallengeType, for account: RecordID) async throws(Refusal)
        -> StoredAuthorization
    {
        let thumbprint = try await activeAccount(account).key.thumbprint
        let now = around.now()
        crashPoint("challenge.answer.before")
        let outcome: (authorization: StoredAuthorization, begun: Bool)
        do throws(StoreError) {
            outcome = try await store.beginValidation(
                id, type, account: account, owner: validations.owner, leaseUntil: validations.leaseEnd, now: now)
        } catch .notFound {
            throw .notYours
        } catch {
            log.error("the store refused", metadata: .event(authorization: id, error: error))
            throw Refusal(error)
        }
        crashPoint("challenge.answer.after")
        let (found, duty) = (outcome.authorization, ValidationWorker.Duty(authorization: id, type: type))
        if outcome.begun {
            validations.take(duty, found, thumbprint: thumbprint)
            return found
        }
        let status = found.status(at: now)
        switch found.challenge(type)?.status {
        case .processing where status == .pending: validations.hurry(duty)
        case .pending:
            throw .wrongState("The authorization is \(status.rawValue); its challenges can no longer be answered.")
        default: break
        }
        return found
    }
}
