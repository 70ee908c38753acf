import ACME
import Authority
import Foundation
import PKIX
import Store
import Testing

struct FinalizeTests {
    @Test func `a certificate says what was ordered, and its chain leads to the issuer`() async throws {
        let house = try await House()
        let account = try await house.account()
        let names = ["b.example", "*.a.example", "a.example"]
        let order = try await house.ready(names, account)
        let key = try CertificateKey(.p256)
        let done = try await house.authority.finalize(
            order.order.id, csr: try CertificateRequest.make(names: names, key: key, commonName: "a.example"), for: account.id)
        #expect(done.status(at: house.time.now) == .valid)
        #expect(try await house.authority.order(order.order.id, for: account.id) == done)
        let chains = try await house.authority.certificate(try #require(done.order.certificate), for: account.id)
        #expect(chains.count == 1)
        let chain = try #require(chains[0])
        #expect(chain.count == 2)
        #expect(chain[1] == house.hierarchy.intermediate.der)
        let leaf = try Certificate509(der: chain[0])
        #expect(Set(leaf.dnsNames) == Set(names) && leaf.dnsNames.count == 3)
        #expect(leaf.publicKey == key.publicKey.der)
        #expect(leaf.isSigned(by: house.hierarchy.intermediate))
        #expect(leaf.notBefore == house.time.now.addingTimeInterval(-60))
        #expect(leaf.notAfter.timeIntervalSince(leaf.notBefore) + 1 == 45 * 86_400)
        #expect(leaf.serial.count <= 16 && leaf.serial.count >= 15 && (leaf.serial.first ?? 255) < 0x80)
    }

    @Test func `S-7.4-10 an order must be ready`() async throws {
        let house = try await House()
        let account = try await house.account()
        let order = try await house.order(["a.example"], account)
        let csr = try CertificateRequest.make(names: ["a.example"], key: try CertificateKey(.p256))
        #expect(
            await refusal { try await house.authority.finalize(order.order.id, csr: csr, for: account.id) }
                == .orderNotReady(.pending))
        house.time.advance(8 * 86_400)
        #expect(
            await refusal { try await house.authority.finalize(order.order.id, csr: csr, for: account.id) }
                == .orderNotReady(.invalid))
    }

    @Test func `S-7.4-6 to S-7.4-9 a bad CSR is refused and leaves the order ready`() async throws {
        let house = try await House()
        let key = SigningKey(.p256)
        let (account, other) = (try await house.account(key), SigningKey(.p384))
        _ = try await house.account(other)
        let order = try await house.ready(["a.example", "b.example"], account)
        let good = try CertificateKey(.p256)
        func csr(_ names: [String], _ key: CertificateKey = good, commonName: String? = nil) throws -> [UInt8] {
            try CertificateRequest.make(names: names, key: key, commonName: commonName)
        }
        let right = try csr(["a.example", "b.example"])
        var tampered = right
        tampered[tampered.count - 1] ^= 1
        let bad: [[UInt8]] = [
            try csr(["a.example"]), try csr(["a.example", "b.example", "c.example"]), try csr(["c.example", "b.example"]),
            try csr(["a.example", "b.example"], commonName: "c.example"), try csr(["*.a.example", "a.example", "b.example"]),
            try csr(["a.example.", "b.example"]), try csr(["a.example", "b.example"], CertificateKey(pem: key.pem)),
            try csr(["a.example", "b.example"], CertificateKey(pem: other.pem)), tampered, [], [0x30, 0x00],
            Array(right.dropLast()),
            right + [0],
        ]
        for csr in bad {
            let refused = await refusal { try await house.authority.finalize(order.order.id, csr: csr, for: account.id) }
            #expect(refused.map(Problem.init)?.errorType == .badCSR)
            #expect(try await house.authority.order(order.order.id, for: account.id).status(at: house.time.now) == .ready)
        }
        let done = try await house.authority.finalize(order.order.id, csr: try csr(["B.example", "A.EXAMPLE"]), for: account.id)
        #expect(done.status(at: house.time.now) == .valid)
    }

    @Test(arguments: [SigningKey.Kind.p256, .p384, .p521, .rsa2048, .ed25519])
    func `S-11.1-1 an account's key is recognised in every form`(kind: SigningKey.Kind) async throws {
        let house = try await House()
        let key = SigningKey(kind)
        let account = try await house.account(key)
        let order = try await house.ready(["a.example"], account)
        let csr = try CertificateRequest.make(names: ["a.example"], key: try CertificateKey(pem: key.pem))
        let refused = await refusal { try await house.authority.finalize(order.order.id, csr: csr, for: account.id) }
        #expect(refused.map(Problem.init)?.detail?.contains("account") == true)
    }

    @Test func `a refused finalize may be repeated at once: it is not in its own way`() async throws {
        let house = try await House()
        let key = SigningKey(.p256)
        let account = try await house.account(key)
        let order = try await house.ready(["a.example"], account)
        let csr = try CertificateRequest.make(names: ["a.example"], key: try CertificateKey(pem: key.pem))
        for _ in 0..<500 {
            let refused = await refusal { try await house.authority.finalize(order.order.id, csr: csr, for: account.id) }
            guard refused.map(Problem.init)?.errorType == .badCSR else { return #expect(Bool(false), "\(refused as Any)") }
        }
    }

    @Test func `twenty finalizes at once make one certificate and all see it`() async throws {
        let house = try await House()
        let account = try await house.account()
        let (authority, signer) = (house.authority, house.hierarchy.signer)
        let csr = try CertificateRequest.make(names: ["a.example"], key: try CertificateKey(.p256))
        for _ in 0..<10 {
            let order = try await house.ready(["a.example"], account).order.id
            let before = signer.count
            let ids = try await withThrowingTaskGroup(of: RecordID?.self) { group in
                for _ in 0..<20 {
                    group.addTask { try await authority.finalize(order, csr: csr, for: account.id).order.certificate }
                }
                return try await group.reduce(into: Set<RecordID?>()) { $0.insert($1) }
            }
            #expect(ids.count == 1 && ids.first.flatMap { $0 } != nil)
            #expect(signer.count == before + 1)
        }
        #expect(try await house.store.certificates(limit: 100).count == 10)
    }

    @Test func `finalizing again with the same request returns the order, with another is refused`() async throws {
        let house = try await House()
        let account = try await house.account()
        let order = try await house.ready(["a.example"], account).order.id
        let csr = try CertificateRequest.make(names: ["a.example"], key: try CertificateKey(.p256))
        let first = try await house.authority.finalize(order, csr: csr, for: account.id)
        let again = try await house.authority.finalize(order, csr: csr, for: account.id)
        #expect(first.order.certificate == again.order.certificate)
        let other = try CertificateRequest.make(names: ["a.example"], key: try CertificateKey(.p256))
        #expect(
            await refusal { try await house.authority.finalize(order, csr: other, for: account.id) } == .orderNotReady(.valid))
        #expect(try await house.store.certificates(limit: 10).count == 1)
    }

    @Test func `a signer that fails leaves the order processing until it works again`() async throws {
        let house = try await House()
        let account = try await house.account()
        let order = try await house.ready(["a.example"], account).order.id
        let csr = try CertificateRequest.make(names: ["a.example"], key: try CertificateKey(.p256))
        house.hierarchy.signer.fail(2)
        #expect(try await house.authority.finalize(order, csr: csr, for: account.id).status(at: house.time.now) == .processing)
        let intent = try #require(try await house.store.intentsWithoutCertificate().first)
        #expect(try await house.authority.finalize(order, csr: csr, for: account.id).status(at: house.time.now) == .processing)
        let other = try CertificateRequest.make(names: ["a.example"], key: try CertificateKey(.p256))
        #expect(
            await refusal { try await house.authority.finalize(order, csr: other, for: account.id) }
                == .orderNotReady(.processing))
        #expect(await house.authority.issuances.recover() == false)
        try await house.restart()
        #expect(await house.authority.issuances.recover())
        let done = try await house.authority.order(order, for: account.id)
        #expect(done.status(at: house.time.now) == .valid)
        let certificate = try await house.certificate(of: done)
        #expect(try Certificate509(der: certificate.der).tbs.der == intent.toBeSigned)
        #expect(try await house.store.intentsWithoutCertificate().isEmpty)
    }

    @Test func `who waits too long is told that the order is processing`() async throws {
        let house = try await House()
        let account = try await house.account()
        let order = try await house.ready(["a.example"], account).order.id
        let csr = try CertificateRequest.make(names: ["a.example"], key: try CertificateKey(.p256))
        let time = house.time
        house.hierarchy.signer.hold { try? await time.surroundings.sleep(.seconds(8)) }
        let authority = house.authority
        async let answer = authority.finalize(order, csr: csr, for: account.id)
        await time.untilAsleep(2)
        time.advance(5)
        #expect(try await answer.status(at: time.now) == .processing)
        time.advance(5)
        await authority.issuances.settled()
        #expect(try await authority.order(order, for: account.id).status(at: time.now) == .valid)
    }

    @Test func `an intent whose account has left, or whose time is over, is voided`() async throws {
        let house = try await House()
        let csr = try CertificateRequest.make(names: ["a.example"], key: try CertificateKey(.p256))
        var orders: [RecordID] = []
        for leaves in [true, false] {
            let account = try await house.account()
            let order = try await house.ready(["a.example"], account).order.id
            house.hierarchy.signer.fail(1)
            _ = try await house.authority.finalize(order, csr: csr, for: account.id)
            if leaves { _ = try await house.authority.deactivateAccount(account.id) }
            orders.append(order)
        }
        house.time.advance(3 * 86_400)
        #expect(await house.authority.issuances.recover())
        for order in orders {
            let found = try #require(try await house.store.order(order))
            #expect(found.status(at: house.time.now) == .invalid)
            #expect(found.problem?.errorType == .serverInternal)
        }
        #expect(try await house.store.certificates(limit: 10).isEmpty)
    }

    @Test func `nothing is signed by a clock that went back behind what is on record`() async throws {
        let house = try await House()
        let account = try await house.account()
        _ = try await house.issue(["a.example"], account, try CertificateKey(.p256))
        let order = try await house.ready(["b.example"], account).order.id
        house.time.advance(-3_600)
        try await house.restart()
        let csr = try CertificateRequest.make(names: ["b.example"], key: try CertificateKey(.p256))
        #expect(
            await refusal { try await house.authority.finalize(order, csr: csr, for: account.id) } == .unavailable(retryAfter: 60)
        )
        await #expect(throws: ClockIsBehind.self) { try await house.authority.publisher.publish() }
        house.time.advance(3_600)
        #expect(try await house.authority.finalize(order, csr: csr, for: account.id).status(at: house.time.now) == .valid)
    }

    @Test func `the authority certifies its own name, on record like any other`() async throws {
        let house = try await House()
        let key = try CertificateKey(.p256)
        let chain = try await house.authority.issueOwn(names: ["ca.test", "localhost"], publicKey: key.publicKey)
        #expect(chain.count == 2)
        let leaf = try Certificate509(der: chain[0])
        #expect(leaf.dnsNames == ["ca.test", "localhost"])
        let stored = try #require(try await house.store.certificate(issuer: house.authority.issuer.id, serial: leaf.serial))
        #expect(stored.order == nil && stored.account == nil)
    }
}
