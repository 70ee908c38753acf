import ACME
import ACMEClient
import Foundation
import TestSupport
import Testing

/// The database's machine dies under load.
@Suite(.serialized, .enabled(if: PostgreSQLServer.programs != nil)) struct FailoverTests {
    @Test func `after the primary was killed and the standby promoted, servers carry on and all that was acknowledged is there`()
        async throws
    {
        let databases = try await DatabasePair()
        let fleet = try await Fleet(2, database: databases.url)
        let key = SigningKey(.p256)
        let responder = try await StatelessResponder(port: fleet.http01Port, thumbprint: key.jwk.thumbprint)
        let load = try await Load(fleet.directory, root: fleet.root, key: key)
        load.start(workers: 4)
        try await load.issues(12)
        let before = load.now
        try await databases.killPrimary()
        let killed = ContinuousClock.now
        try await databases.promote()
        // By themselves: nobody starts or tells them anything.
        try await load.issues(4)
        print("issuing again \(ContinuousClock.now - killed) after the primary was killed")
        try await load.issues(8)
        let told = await load.stop()
        #expect(before.certificates.count >= 12 && before.accounts.count >= 2)

        let account = try Subscriber.client(fleet.directory, root: fleet.root).account(key, url: load.account)
        for url in told.orders {
            try await eventually("\(url) to go on", limit: 90) { try await account.order(url).status != .processing }
        }
        let faults = try await load.violations(serials: fleet.serials(), revoked: Set(fleet.serials("--revoked")))
        #expect(faults == [])
        for member in fleet.members { #expect(member.server.isRunning) }
        withExtendedLifetime(responder) {}
    }
}
