import Authority
import Faults
import Foundation
import ServiceLifecycle
import Store

/// Ends the server once its store can commit nothing any more: what stands on the device is known only to a process that opens it anew,
/// which the supervisor starts.
struct StoreWatch: Service {
    let store: AuthorityStore
    let around: Surroundings

    /// - Throws: why the store failed.
    func run() async throws {
        try await cancelWhenGracefulShutdown {
            while (try? await around.sleep(.milliseconds(250))) != nil {
                if let failure = store.failure { throw failure }
            }
        }
    }
}

extension Surroundings {
    /// The real ones; debug builds take the time from a clock that a test can set.
    static var ofThisProcess: Surroundings {
        #if DEBUG
            if let clock = TestClock() {
                var around = Surroundings.real
                around.now = { clock.now() }
                return around
            }
        #endif
        return .real
    }
}
