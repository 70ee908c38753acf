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
        let found = try await authorization(id, for: account)
        guard let challenge = found.challenge(type) else { throw .notYours }
        let duty = ValidationWorker.Duty(authorization: id, type: type)
        switch challenge.status {
        case .valid, .invalid: return found
        case .processing:
            if found.status(at: around.now()) == .pending { validations.hurry(duty) }
            return found
        case .pending: break
        }
        guard found.status(at: around.now()) == .pending else {
            throw .wrongState(
                "The authorization is \(found.status(at: around.now()).rawValue); its challenges can no longer be answered.")
        }
        let thumbprint = try await activeAccount(account).key.thumbprint
        crashPoint("challenge.answer.before")
        let outcome = try await stored { () async throws(StoreError) in
            try await store.beginValidation(
                id, type, owner: validations.owner, leaseUntil: validations.leaseEnd, now: around.now())
        }
        crashPoint("challenge.answer.after")
        if outcome.begun { validations.take(duty, outcome.authorization, thumbprint: thumbprint) }
        return outcome.authorization
    }
}
