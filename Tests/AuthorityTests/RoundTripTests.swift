import ACME
import Authority
import Foundation
import PKIX
import Store
import TestSupport
import Testing

/// What an order costs in messages to PostgreSQL and back.
@Suite(.timeLimit(.minutes(2)))
struct RoundTripTests {
    @Test func `an order takes at most twelve round trips from newOrder to its certificate`() async throws {
        let url = try await PostgreSQLServer.shared().emptySchema()
        let house = try await House(database: try DatabaseLocation(url, relativeTo: "/"))
        let account = try await house.account()
        let key = try CertificateKey(.p256)
        // The first order prepares statements and fills what is remembered.
        _ = try await house.issue(["first.example"], account, key)

        let csr = try CertificateRequest.make(names: ["a.example"], key: try CertificateKey(.p256))
        var trips: [(step: String, count: Int)] = []
        func step<T>(_ name: String, _ body: () async throws -> T) async throws -> T {
            let before = house.store.roundTrips
            let value = try await body()
            await house.authority.validations.settled()
            trips.append((name, house.store.roundTrips - before))
            return value
        }
        let order = try await step("newOrder") { try await house.order(["a.example"], account) }
        let one = order.authorizations[0]
        _ = try await step("authorization") { try await house.authority.authorization(one.id, for: account.id) }
        _ = try await step("answer and verdict") {
            try await house.authority.respond(one.id, try #require(one.challenges.first?.type), for: account.id)
        }
        _ = try await step("order") { try await house.authority.order(order.order.id, for: account.id) }
        let done = try await step("finalize") {
            try await house.authority.finalize(order.order.id, csr: csr, for: account.id)
        }
        #expect(done.order.status == .valid)
        _ = try await step("certificate") {
            try await house.authority.certificate(try #require(done.order.certificate), for: account.id)
        }
        let sum = trips.reduce(0) { $0 + $1.count }
        #expect(sum <= 12, "\(trips)")
        print("Round trips: \(sum): \(trips.map { "\($0.step) \($0.count)" }.joined(separator: ", "))")
        await house.store.close()
    }
}
