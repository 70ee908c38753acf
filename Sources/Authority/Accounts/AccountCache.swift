internal import Foundation
internal import Store
internal import Synchronization

/// Accounts lately seen, so that a signed request does not cost a read. Bounded, and old after a short while, since tools may change the
/// database beside the server. Where several servers share the database, each request learns, with its nonce, how often accounts have
/// changed (`observe`), and what was read before a change is not used after it.
final class AccountCache: Sendable {
    private struct Shelf {
        var accounts: [RecordID: (account: StoredAccount, read: Date)] = [:]
        /// Rises with every change, so that what was read before a change is not kept after it.
        var changes = 0
        /// As the database told last.
        var elsewhere: Int64?
    }
    private let capacity: Int
    private let lifetime: TimeInterval
    private let shelf = Mutex(Shelf())

    /// - Parameter lifetime: seconds.
    init(capacity: Int, lifetime: TimeInterval) { (self.capacity, self.lifetime) = (capacity, lifetime) }

    /// - Returns: the account if it is fresh, and the mark to hand to `keep` with what is read instead.
    func account(_ id: RecordID, at now: Date) -> (account: StoredAccount?, mark: Int) {
        shelf.withLock { shelf in
            guard let entry = shelf.accounts[id], abs(now.timeIntervalSince(entry.read)) < lifetime else {
                return (nil, shelf.changes)
            }
            return (entry.account, shelf.changes)
        }
    }

    func keep(_ account: StoredAccount, mark: Int, at now: Date) {
        shelf.withLock { shelf in
            guard shelf.changes == mark else { return }
            if shelf.accounts.count >= capacity { shelf.accounts.removeAll(keepingCapacity: true) }
            shelf.accounts[account.id] = (account, now)
        }
    }

    /// Before and after a change: what was read in between may be either.
    func forget(_ id: RecordID) {
        shelf.withLock { shelf in
            shelf.changes &+= 1
            shelf.accounts[id] = nil
        }
    }

    /// Forgets all when accounts have changed since the last time.
    /// - Parameter changes: made by all servers so far. An older number than the last may come late, and is as good a reason.
    func observe(_ changes: Int64) {
        shelf.withLock { shelf in
            guard shelf.elsewhere != changes else { return }
            shelf.elsewhere = changes
            shelf.changes &+= 1
            shelf.accounts.removeAll(keepingCapacity: true)
        }
    }
}
