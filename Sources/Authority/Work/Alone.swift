internal import Foundation
internal import Store

extension Shop {
    /// What only one server at a time may do. Where this one is alone it simply does it.
    /// - Parameter work: gets the fence to hand to the store, which refuses it once another server has taken over.
    /// - Returns: nil while another server is at it.
    func alone<Value: Sendable>(at duty: Duty, _ work: (Fence?) async throws -> Value) async throws -> Value? {
        guard isShared else { return try await work(nil) }
        guard let fence = try await store.take(duty, owner: owner, until: leaseEnd, now: around.now()) else { return nil }
        do {
            let value = try await work(fence)
            try await store.give(fence)
            return value
        } catch {
            // Else others wait until the lease is over.
            try? await store.give(fence)
            throw error
        }
    }
}
