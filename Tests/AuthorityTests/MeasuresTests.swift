import ACME
import Authority
import Foundation
import Measures
import PKIX
import Store
import Testing
import Validation

struct AuthorityMeasuresTests {
    /// - Parameter labels: the values that a sample must bear, in any order.
    private func value(_ house: House, _ name: String, _ suffix: String = "", _ labels: String...) -> Double? {
        house.authority.readings.first { $0.name == name }?.samples.first {
            $0.suffix == suffix && Set(labels).isSubset(of: $0.labels.map(\.1))
        }?.value
    }

    @Test func `an issued certificate is counted with its time, its signature and its validation`() async throws {
        let house = try await House()
        let account = try await house.account()
        _ = try await house.issue(["a.example"], account, CertificateKey(.p256))
        #expect(value(house, "chancery_validations_total", "", "http-01", "valid") == 1)
        #expect(value(house, "chancery_validation_attempts_total", "", "http-01", "valid") == 1)
        #expect(value(house, "chancery_validation_attempt_seconds", "_count", "http-01") == 1)
        #expect(value(house, "chancery_issuances_total", "", "issued") == 1)
        #expect(value(house, "chancery_issuances_total", "", "failed") == 0)
        #expect(value(house, "chancery_issuance_seconds", "_count") == 1)
        #expect(value(house, "chancery_signatures_total", "", "certificate", "made") == 1)
        #expect(value(house, "chancery_signatures_total", "", "revocation-list", "made") == 0)
        try await house.authority.publisher.publish()
        #expect(value(house, "chancery_signatures_total", "", "revocation-list", "made") == 1)
        #expect(house.authority.publisher.entries == 0)
    }

    @Test func `failed validations are told by cause, queries apart from verdicts`() async throws {
        var policy = AuthorityPolicy()
        policy.validationDelays = []
        let house = try await House(policy: policy)
        let account = try await house.account()
        house.world.say("a.example", World.refusal)
        house.world.say("b.example", .failure(Problem(.dns, 400, "No address.")))
        house.world.say("c.example", .failure(Problem(.rateLimited, 429, "No problem of validations.")))
        for name in ["a.example", "b.example", "c.example"] { try await house.prove(house.order([name], account), account) }
        for cause in ["connection", "dns", "other"] {
            #expect(value(house, "chancery_validations_total", "", "http-01", cause) == 1, "\(cause)")
            #expect(value(house, "chancery_validation_attempts_total", "", "http-01", cause) == 1, "\(cause)")
        }
        #expect(value(house, "chancery_validations_total", "", "http-01", "valid") == 0)
        #expect(value(house, "chancery_validations_total", "", "dns-01", "dns") == 0)
    }

    @Test func `a signer that fails is seen, and the certificate that comes later bears the whole wait`() async throws {
        let house = try await House()
        let account = try await house.account()
        let order = try await house.ready(["a.example"], account)
        house.hierarchy.signer.fail(1)
        _ = try await house.authority.finalize(
            order.order.id, csr: CertificateRequest.make(names: ["a.example"], key: CertificateKey(.p256)), for: account.id)
        #expect(value(house, "chancery_signatures_total", "", "certificate", "failed") == 1)
        #expect(value(house, "chancery_issuances_total", "", "failed") == 1)
        await house.authority.issuances.settled()
        house.time.advance(40)
        #expect(await house.authority.issuances.recover())
        #expect(value(house, "chancery_issuances_total", "", "issued") == 1)
        #expect(try #require(value(house, "chancery_issuance_seconds", "_sum")) >= 40)
    }
}
