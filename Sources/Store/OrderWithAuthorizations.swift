package import ACME
package import Foundation

/// An order and what it waits for: enough to tell its status at any instant without writing anything.
package struct OrderWithAuthorizations: Sendable, Equatable {
    package var order: StoredOrder
    /// In the order's order; one that was swept is absent.
    package var authorizations: [StoredAuthorization]

    package init(order: StoredOrder, authorizations: [StoredAuthorization]) {
        (self.order, self.authorizations) = (order, authorizations)
    }

    /// RFC 8555 section 7.1.6. A pending order is `ready` when every authorization is valid, and `invalid` when one
    /// cannot become (or stay) so, or from the instant `expires` on. What was finalized no longer looks at them.
    package func status(at now: Date) -> OrderStatus {
        guard order.status == .pending || order.status == .ready else { return order.status }
        guard now < order.expires, authorizations.count == order.authorizations.count else { return .invalid }
        var ready = true
        for authorization in authorizations {
            switch authorization.status(at: now) {
            case .valid: break
            case .pending: ready = false
            default: return .invalid
            }
        }
        return ready ? .ready : .pending
    }

    /// Why the order is invalid: its own error, else that of the first failed challenge.
    package var problem: Problem? {
        if let error = order.error { return error }
        for authorization in authorizations where authorization.status == .invalid {
            for challenge in authorization.challenges where challenge.status == .invalid {
                if let error = challenge.error { return error }
            }
        }
        return nil
    }
}
