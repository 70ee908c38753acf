import ACME
import Authority
import Foundation
import Logging
import PKIX
import Store
import Testing

struct RevocationTests {
    @Test func `S-7.6-4 S-7.6-6 the account that ordered it and its own key may revoke a certificate`() async throws {
        let house = try await House()
        let account = try await house.account()
        let key = SigningKey(.p256)
        let first = try await house.issue(["a.example"], account, try CertificateKey(.p256))
        let second = try await house.issue(["a.example"], account, try CertificateKey(pem: key.pem))
        try await house.authority.revoke(first.der, reason: 4, by: .account(account.id))
        try await house.authority.revoke(second.der, reason: nil, by: .key(key.jwk))
        #expect(try await house.store.certificate(first.id)?.revoked == .init(at: house.time.now, reason: 4))
        #expect(try await house.store.certificate(second.id)?.revoked == .init(at: house.time.now, reason: nil))
        #expect(
            await refusal { try await house.authority.revoke(first.der, reason: 4, by: .account(account.id)) } == .alreadyRevoked)
    }

    @Test func `S-7.6-3 S-7.6-5 another account needs valid authorizations for all names`() async throws {
        let house = try await House()
        let (owner, other) = (try await house.account(), try await house.account())
        let certificate = try await house.issue(["a.example", "*.b.example"], owner, try CertificateKey(.p256))
        func attempt() async -> Refusal? {
            do { try await house.authority.revoke(certificate.der, reason: nil, by: .account(other.id)) } catch { return error }
            return nil
        }
        #expect(await attempt() == .mayNotRevoke)
        #expect(
            await refusal { try await house.authority.revoke(certificate.der, reason: nil, by: .key(other.key)) } == .mayNotRevoke
        )
        _ = try await house.ready(["a.example"], other)
        #expect(await attempt() == .mayNotRevoke)
        _ = try await house.ready(["b.example"], other)
        #expect(await attempt() == .mayNotRevoke)
        _ = try await house.ready(["*.b.example"], other)
        #expect(await attempt() == nil)
    }

    @Test(arguments: [2, 6, 7, 8, 9, 10, 11, -1, 256]) func `S-7.6-2 other reasons are refused with the list`(reason: Int)
        async throws
    {
        let house = try await House()
        let account = try await house.account()
        let certificate = try await house.issue(["a.example"], account, try CertificateKey(.p256))
        let refused = await refusal {
            try await house.authority.revoke(certificate.der, reason: reason, by: .account(account.id))
        }
        #expect(refused == .badRevocationReason(reason))
        #expect(refused.map(Problem.init)?.detail?.contains("0, 1, 3, 4, 5") == true)
        #expect(try await house.store.certificate(certificate.id)?.revoked == nil)
        if reason == 9 { try await house.authority.revoke(certificate.der, reason: 9, by: .operator) }
    }

    @Test(arguments: [0, 1, 3, 4, 5]) func `subscribers' reasons are taken, and 0 is said by silence`(reason: Int) async throws {
        let house = try await House()
        let account = try await house.account()
        let certificate = try await house.issue(["a.example"], account, try CertificateKey(.p256))
        try await house.authority.revoke(certificate.der, reason: reason, by: .account(account.id))
        let list = try RevocationList(der: try await house.authority.publisher.publish().der)
        let entry = try #require(list.entry(serial: certificate.serial))
        #expect(entry.reason == (reason == 0 ? nil : reason))
    }

    @Test func `a compromised key gets no further certificate`() async throws {
        let house = try await House()
        let account = try await house.account()
        let key = try CertificateKey(.p256)
        let certificate = try await house.issue(["a.example"], account, key)
        try await house.authority.revoke(certificate.der, reason: 1, by: .account(account.id))
        let order = try await house.ready(["a.example"], account)
        let csr = try CertificateRequest.make(names: ["a.example"], key: key)
        let refused = await refusal { try await house.authority.finalize(order.order.id, csr: csr, for: account.id) }
        #expect(refused.map(Problem.init)?.errorType == .badCSR)
    }

    @Test func `S-7.6-8 what was not issued here to the last byte cannot be revoked`() async throws {
        let house = try await House()
        let other = try await House()
        let account = try await house.account()
        let foreign = try await other.issue(["a.example"], try await other.account(), try CertificateKey(.p256))
        let own = try await house.issue(["a.example"], account, try CertificateKey(.p256))
        var changed = own.der
        changed[changed.count - 1] ^= 1
        for der in [foreign.der, changed, house.hierarchy.root.der, house.hierarchy.intermediate.der] {
            #expect(
                await refusal { try await house.authority.revoke(der, reason: nil, by: .account(account.id)) }
                    == .unknownCertificate)
        }
        for der in [[], [0x30], Array(own.der.dropLast()), own.der + [0], Array("-----BEGIN CERTIFICATE-----".utf8)] {
            let refused = await refusal { try await house.authority.revoke(der, reason: nil, by: .account(account.id)) }
            #expect(refused.map(Problem.init)?.errorType == .malformed)
        }
    }

    @Test func `S-7.6-7 of twenty revocations at once one succeeds`() async throws {
        let house = try await House()
        let account = try await house.account()
        let certificate = try await house.issue(["a.example"], account, try CertificateKey(.p256))
        let authority = house.authority
        let successes = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    do throws(Refusal) {
                        try await authority.revoke(certificate.der, reason: nil, by: .account(account.id))
                    } catch {
                        #expect(error == .alreadyRevoked)
                        return false
                    }
                    return true
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(successes == 1)
    }
}

struct PublisherTests {
    @Test func `the first list is there before the first request and survives a restart`() async throws {
        let house = try await House()
        try await house.authority.prepare()
        let first = try #require(try await house.authority.crl(house.authority.issuer.id))
        #expect(first.number == 1)
        #expect(first.nextUpdate.timeIntervalSince(first.thisUpdate) == 7 * 86_400)
        #expect(try RevocationList(der: first.der).isSigned(by: house.hierarchy.intermediate))
        try await house.restart()
        try await house.authority.prepare()
        #expect(try await house.authority.crl(house.authority.issuer.id) == first)
        #expect(try await house.authority.crl("00") == nil)
        #expect(try await house.authority.issuerCertificate(house.authority.issuer.id) == house.hierarchy.intermediate.der)
    }

    @Test func `a running publisher signs again soon after a revocation, and at half the list's life`() async throws {
        let house = try await House()
        let account = try await house.account()
        let certificate = try await house.issue(["a.example"], account, try CertificateKey(.p256))
        let (authority, time) = (house.authority, house.time)
        let run = Task { try await authority.publisher.run() }
        func untilNumber(_ number: Int64) async { while authority.publisher.current?.number ?? 0 < number { await Task.yield() } }
        await untilNumber(1)
        await time.untilAsleep(1)
        try await authority.revoke(certificate.der, reason: 3, by: .account(account.id))
        while authority.publisher.current?.number == 1 {
            await Task.yield()
            time.advance(0.1)
        }
        let list = try RevocationList(der: try #require(authority.publisher.current).der)
        #expect(list.entry(serial: certificate.serial)?.reason == 3)
        while authority.publisher.current?.number == 2 {
            // Time stands still while it signs.
            await time.untilAsleep(1)
            time.advance(600)
        }
        let later = try #require(authority.publisher.current)
        #expect(later.number == 3)
        #expect(later.thisUpdate.timeIntervalSince(list.thisUpdate) <= 3.6 * 86_400)
        run.cancel()
        _ = try? await run.value
    }

    @Test func `a revocation made beside the server is noticed`() async throws {
        let house = try await House()
        let certificate = try await house.issue(["a.example"], try await house.account(), try CertificateKey(.p256))
        try await house.authority.prepare()
        let (authority, time) = (house.authority, house.time)
        _ = try await house.store.revoke(issuer: authority.issuer.id, serial: certificate.serial, at: time.now, reason: nil)
        let run = Task { try await authority.publisher.run() }
        while authority.publisher.current?.number == 1 { await Task.yield() }
        #expect(try RevocationList(der: try #require(authority.publisher.current).der).entry(serial: certificate.serial) != nil)
        run.cancel()
        _ = try? await run.value
    }

    @Test func `a list published beside the server is served, and is not signed again`() async throws {
        let house = try await House()
        let certificate = try await house.issue(["a.example"], try await house.account(), try CertificateKey(.p256))
        try await house.authority.prepare()
        let (authority, time) = (house.authority, house.time)
        _ = try await house.store.revoke(issuer: authority.issuer.id, serial: certificate.serial, at: time.now, reason: nil)
        // As the crl command does: another publisher on the same database.
        let beside = try await house.beside().publisher.publish()
        #expect(beside.number == 2 && authority.publisher.current?.number == 1)
        let run = Task { try await authority.publisher.run() }
        while authority.publisher.current?.number == 1 { await Task.yield() }
        #expect(authority.publisher.current == beside)
        await time.untilAsleep(1)
        #expect(try await house.store.nextCRLNumber(issuer: authority.issuer.id) == 3)
        run.cancel()
        _ = try? await run.value
    }

    @Test func `a list longer than a page holds every entry once`() async throws {
        let house = try await House()
        let serials = try await house.revoked(1_203)
        let list = try RevocationList(der: try await house.authority.publisher.publish().der)
        #expect(list.entries.count == 1_203 && Set(list.entries.map(\.serial)) == serials)
        #expect(list.isSigned(by: house.hierarchy.intermediate))
        let state = try await house.store.publicationState(issuer: house.authority.issuer.id)
        #expect(state.newest?.revocations == 1_203)
        #expect(try await !house.authority.publisher.isDue())
    }

    @Test func `an earlier issuer's last list is still there`() async throws {
        let house = try await House()
        var old = StoredRevocationList(
            issuer: "aa", number: 1, der: [1, 2, 3], thisUpdate: house.time.now, nextUpdate: house.time.now)
        try await house.store.saveCRL(old)
        for _ in 0..<2 { #expect(try await house.authority.crl("aa") == old) }
        (old.number, old.der) = (2, [4])
        try await house.store.saveCRL(old)
        #expect(try await house.authority.crl("aa") == old)
        #expect(try await house.authority.crl("bb") == nil)
    }

    @Test func `numbers rise and an expired entry leaves the list after one list more`() async throws {
        let house = try await House()
        let account = try await house.account()
        let certificate = try await house.issue(["a.example"], account, try CertificateKey(.p256))
        try await house.authority.revoke(certificate.der, reason: nil, by: .account(account.id))
        var numbers: [Int64] = []
        var entries: [Int] = []
        for _ in 0..<10 {
            let list = try RevocationList(der: try await house.authority.publisher.publish().der)
            numbers.append(list.number)
            entries.append(list.entries.count)
            house.time.advance(6 * 86_400)
        }
        #expect(numbers == Array(1...10))
        #expect(entries == [1, 1, 1, 1, 1, 1, 1, 1, 1, 0])
    }
}

extension House {
    /// Another process on the same database, such as a command beside the server.
    fileprivate func beside() throws -> CertificateAuthority {
        try CertificateAuthority(
            store: store, issuer: hierarchy.issuer(), urls: PublicationURLs(base: ""), policy: policy,
            validate: { _ in World.refusal }, surroundings: time.surroundings,
            logger: Logger(label: "beside", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    /// Certificates of this issuer, revoked in the store alone.
    /// - Returns: their serials.
    fileprivate func revoked(_ count: Int) async throws -> Set<[UInt8]> {
        let (store, issuer, now) = (store, authority.issuer.id, time.now)
        return try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for number in 0..<count {
                group.addTask {
                    let serial: [UInt8] = [1, UInt8(number / 256), UInt8(number % 256)]
                    let intent = Intent(
                        id: RecordID(at: now, random: UInt64(number)), order: nil, account: nil, issuer: issuer, serial: serial,
                        toBeSigned: [1], identifiers: [], created: now)
                    try await store.beginOwnIssuance(intent, owner: "", leaseUntil: now)
                    try await store.recordIssuance(
                        StoredCertificate(
                            id: intent.id, order: nil, account: nil, issuer: issuer, serial: serial, der: [1], keyHash: [1],
                            identifiers: [], notBefore: now, notAfter: now.addingTimeInterval(86_400), created: now))
                    _ = try await store.revoke(issuer: issuer, serial: serial, at: now, reason: number % 2 == 0 ? 4 : nil)
                    return serial
                }
            }
            return try await group.reduce(into: []) { $0.insert($1) }
        }
    }
}
