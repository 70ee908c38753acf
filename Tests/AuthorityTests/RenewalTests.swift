import ACME
import Authority
import Foundation
import PKIX
import Store
import Testing

struct RenewalTests {
    private func identifier(_ certificate: StoredCertificate) throws -> CertificateIdentifier {
        let read = try Certificate509(der: certificate.der)
        return try CertificateIdentifier(keyIdentifier: try #require(read.authorityKeyIdentifier), serial: read.serial)
    }

    private func window(_ house: House, _ certificate: StoredCertificate) async throws -> RenewalInfo.Window {
        let found = try #require(try await house.authority.renewalInfo(try identifier(certificate)))
        #expect((60...21_600).contains(found.retryAfter), "S9773-4.2-1")
        let window = found.info.suggestedWindow
        #expect(window.start < window.end, "S9773-4.2-1")
        #expect(window.start == window.start.rounded && window.end == window.end.rounded, "to the second, as it is written")
        return window
    }

    @Test(arguments: [300, 3_600, 86_400, 6 * 86_400, 45 * 86_400, 47 * 86_400, 398 * 86_400])
    func `S9773-4.2-1 the window lies where a third of the life is left, however long it is`(life: Int) async throws {
        var policy = AuthorityPolicy()
        policy.certificateLifetime = .seconds(life)
        policy.backdate = .zero
        let house = try await House(policy: policy)
        let account = try await house.account()
        let certificate = try await house.issue(["a.example"], account, try CertificateKey(.p256))
        let window = try await window(house, certificate)
        let third = certificate.notAfter.addingTimeInterval(-Double(life) / 3)
        #expect(window.start <= third && third <= window.end.addingTimeInterval(1))
        #expect(window.start > certificate.notBefore && window.end < certificate.notAfter)
        #expect(window.end.timeIntervalSince(window.start) >= Double(life) / 12 - 2)
        house.time.advance(Double(life) * 2)
        #expect(try await self.window(house, certificate) == window, "after its end, too")
    }

    @Test func `S9773-4.2-1 the window of what is revoked or hurried is past`() async throws {
        let house = try await House()
        let account = try await house.account()
        var certificates: [StoredCertificate] = []
        for name in ["a", "b", "c"] {
            certificates.append(try await house.issue(["\(name).example"], account, try CertificateKey(.p256)))
        }
        let usual = try await window(house, certificates[2])
        house.time.advance(86_400)
        try await house.authority.revoke(certificates[0].der, reason: 1, by: .account(account.id))
        let announcement = RenewalAnnouncement(at: house.time.now, explanation: "https://ca.test/why")
        try await house.store.announceRenewal(of: [certificates[1].id], announcement)
        for certificate in certificates.prefix(2) {
            let window = try await window(house, certificate)
            #expect(window.end <= house.time.now)
        }
        let told = try #require(try await house.authority.renewalInfo(try identifier(certificates[1])))
        #expect(told.info.explanationURL == "https://ca.test/why")
        #expect(try await window(house, certificates[2]) == usual, "others are left alone")
        // Said of one that is past its window, it does not move it forward.
        house.time.advance(40 * 86_400)
        try await house.store.announceRenewal(of: [certificates[2].id], RenewalAnnouncement(at: house.time.now, explanation: nil))
        #expect(try await window(house, certificates[2]) == usual)
    }

    @Test func `S9773-4.1-1 a certificate that is not this authority's has no window`() async throws {
        let house = try await House()
        let account = try await house.account()
        let certificate = try await house.issue(["a.example"], account, try CertificateKey(.p256))
        let known = try identifier(certificate)
        for (key, serial) in [
            (known.keyIdentifier, [1, 2, 3]), ([1, 2, 3], known.serial), (known.keyIdentifier, [0] + known.serial),
        ] as [([UInt8], [UInt8])] {
            #expect(try await house.authority.renewalInfo(try CertificateIdentifier(keyIdentifier: key, serial: serial)) == nil)
        }
        let key = try CertificateKey(.p256)
        let own = try Certificate509(
            der: try await house.authority.issueOwn(names: ["ca.test"], publicKey: key.publicKey)[0])
        #expect(
            try await house.authority.renewalInfo(
                CertificateIdentifier(keyIdentifier: try #require(own.authorityKeyIdentifier), serial: own.serial)) != nil)
    }

    @Test func `S9773-5-1 what an order replaces is the same account's and shares a name`() async throws {
        let house = try await House()
        let (account, other) = (try await house.account(), try await house.account())
        let old = try await house.issue(["a.example", "b.example"], account, try CertificateKey(.p256))
        let name = try identifier(old).text
        let key = try CertificateKey(.p256)
        let own = try Certificate509(
            der: try await house.authority.issueOwn(names: ["ca.test"], publicKey: key.publicKey)[0])
        let ownName = try CertificateIdentifier(keyIdentifier: try #require(own.authorityKeyIdentifier), serial: own.serial).text
        func order(_ names: [String], _ replaces: String?, _ account: StoredAccount) async throws -> OrderWithAuthorizations {
            try await house.authority.createOrder(
                NewOrder(identifiers: names.map { .dns($0) }, replaces: replaces), for: account.id)
        }
        let bad: [(names: [String], replaces: String, account: StoredAccount, type: ErrorType, status: Int)] = [
            (["a.example"], name, other, .unauthorized, 403), (["a.example"], ownName, account, .unauthorized, 403),
            (["c.example"], name, account, .malformed, 400), (["*.a.example"], name, account, .malformed, 400),
            (["a.example"], "", account, .malformed, 400), (["a.example"], name + "=", account, .malformed, 400),
            (["a.example"], "AA.AA", account, .malformed, 400),
        ]
        for one in bad {
            let refused = await refusal { try await order(one.names, one.replaces, one.account) }
            let problem = try #require(refused.map(Problem.init))
            #expect(problem.errorType == one.type && problem.status == one.status, "\(one.names) \(one.replaces)")
        }
        #expect(try await house.authority.orders(of: account.id, after: nil).ids.count == 1)
        // A subset will do, in any letters, also after its end.
        house.time.advance(60 * 86_400)
        let good = try await order(["B.example", "new.example"], name, account)
        #expect(good.order.replaces == name)
        #expect(await refusal { try await order(["a.example"], name, account) } == .alreadyReplaced)
        #expect(Problem(.alreadyReplaced).status == 409)
        #expect(try await order(["a.example"], nil, account).order.replaces == nil, "without it anybody may order as before")
    }
}

extension Date {
    fileprivate var rounded: Date { Date(timeIntervalSince1970: timeIntervalSince1970.rounded()) }
}
