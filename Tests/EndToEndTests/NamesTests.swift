import ACME
import ACMEClient
import Foundation
import TestSupport
import Testing

/// Challenges whose answers lie in odd corners of a real DNS.
@Suite(.serialized) struct NamesTests {
    private func verdict(
        _ names: NameServer, _ name: String, by type: ChallengeType = .dns01, publish: (String) async throws -> Void
    ) async throws -> Authorization {
        let authority = try await TestAuthority(names: names)
        let subscriber = try await Subscriber(authority)
        let placed = try await subscriber.account.newOrder([name])
        return try #require(
            try await subscriber.prove(placed, by: type) { _, proof in try await publish(proof.dnsValue) }.first)
    }

    private func problem(_ authorization: Authorization) -> Problem? { authorization.challenges.first?.error }

    @Test func `dns-01 follows a chain of CNAMEs into another zone`() async throws {
        let names = try await NameServer()
        let found = try await verdict(names, "delegated.e2e.test") { value in
            try await names.add(
                "e2e.test", "_acme-challenge.delegated.e2e.test. 1 CNAME step.e2e.test.",
                "step.e2e.test. 1 CNAME here.challenges.test.")
            try await names.add("challenges.test", "here.challenges.test. 1 TXT \(value)")
        }
        #expect(found.status == .valid, "\(problem(found)?.detail ?? "")")
    }

    @Test func `one value among so many that only TCP carries them is enough`() async throws {
        let names = try await NameServer()
        let found = try await verdict(names, "*.crowded.e2e.test") { value in
            let record = "_acme-challenge.crowded.e2e.test. 1 TXT"
            let noise = String(repeating: "x", count: 240)
            for group in 0..<4 {
                try await names.add("e2e.test", "\(record) \(group)a\(noise)", "\(record) \(group)b\(noise)")
            }
            try await names.add("e2e.test", "\(record) \(value)")
        }
        #expect(found.status == .valid && found.wildcard == true, "\(problem(found)?.detail ?? "")")
    }

    @Test func `a value in pieces is put together`() async throws {
        let names = try await NameServer()
        let found = try await verdict(names, "pieces.e2e.test") { value in
            let record = "_acme-challenge.pieces.e2e.test. 1 TXT \"\(value.prefix(20))\" \"\(value.dropFirst(20))\""
            try await names.add("e2e.test", record)
        }
        #expect(found.status == .valid, "\(problem(found)?.detail ?? "")")
    }

    @Test func `a name that is not there, or has other values, is told with what to publish where`() async throws {
        let names = try await NameServer()
        let missing = try await verdict(names, "missing.challenges.test") { _ in }
        #expect(missing.status == .invalid)
        #expect(problem(missing)?.errorType == .dns)
        let reason = try #require(problem(missing)?.detail)
        #expect(reason.contains("_acme-challenge.missing.challenges.test") && reason.contains("does not exist"), "\(reason)")
        #expect(problem(missing)?.subproblems?.count == 3)

        let wrong = try await verdict(names, "wrong.e2e.test") { _ in
            try await names.add("e2e.test", "_acme-challenge.wrong.e2e.test. 1 TXT something-else")
        }
        #expect(wrong.status == .invalid)
        #expect(problem(wrong)?.errorType == .incorrectResponse)
        let told = try #require(problem(wrong)?.detail)
        #expect(told.contains("1 TXT record") && !told.contains("something-else"), "\(told)")
    }
}
