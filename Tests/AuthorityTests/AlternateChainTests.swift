import Authority
import Foundation
import Logging
import PKIX
import Store
import Testing

struct AlternateChainTests {
    /// Another root, and what it says of an issuer for 30 days.
    private struct Other {
        let root: Certificate509
        let cross: Certificate509

        init(certifying issuer: Certificate509, name: DistinguishedName? = nil, key: PublicKeyInfo? = nil, now: Date) async throws
        {
            let signer = try CertificateKey(.p256)
            let (begin, end) = (now.addingTimeInterval(-60), now.addingTimeInterval(30 * 86_400))
            let description = CertificateDescription.root(
                name: DistinguishedName(commonName: "Other Root"), key: signer.publicKey,
                serial: [UInt8](repeating: 0x22, count: 16),
                notBefore: begin, notAfter: end)
            root = try Certificate509(
                der: await Linted(root: ToBeSigned(description, signedWith: signer.scheme), key: signer.publicKey, at: now).signed
                {
                    try signer.sign($0)
                })
            let above = try IssuerDescription(root)
            let bytes = ToBeSigned(
                .intermediate(
                    name: name ?? issuer.subject, key: try key ?? PublicKeyInfo(der: issuer.publicKey), issuer: above,
                    serial: [UInt8](repeating: 0x33, count: 16), notBefore: begin, notAfter: end), signedWith: signer.scheme)
            cross = try Certificate509(
                der: await Linted(bytes, as: .intermediate, issuer: above, at: now).signed { try signer.sign($0) })
        }
    }

    @Test func `an alternate is offered for as long as it is valid, the default for good`() async throws {
        let house = try await House()
        let account = try await house.account()
        let stored = try await house.issue(["a.example"], account, try CertificateKey(.p256))
        let other = try await Other(certifying: house.hierarchy.intermediate, now: house.time.now)
        let world = house.world
        var issuer = try house.hierarchy.issuer()
        issuer.alternates[3] = try AlternateChain(
            [other.cross, other.root], issuer: house.hierarchy.intermediate, root: house.hierarchy.root)
        let authority = CertificateAuthority(
            store: house.store, issuer: issuer, urls: PublicationURLs(base: "http://ca.test:8080"),
            validate: { world.ask($0) }, surroundings: house.time.surroundings,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let chains = try await authority.certificate(stored.id, for: account.id)
        #expect(chains == [0: [stored.der, house.hierarchy.intermediate.der], 3: [stored.der, other.cross.der]])
        #expect(try Certificate509(der: stored.der).isSigned(by: other.cross))
        house.time.advance(31 * 86_400)
        #expect(try await authority.certificate(stored.id, for: account.id).keys.sorted() == [0])
    }

    @Test func `a chain that does not lead from this authority to another root is refused with the reason`() async throws {
        let now = Date(timeIntervalSince1970: 1_800_000_000)
        let hierarchy = try await Hierarchy(now: now)
        let (own, root) = (hierarchy.intermediate, hierarchy.root)
        let good = try await Other(certifying: own, now: now)
        let otherName = try await Other(certifying: own, name: DistinguishedName(commonName: "Else"), now: now)
        let otherKey = try await Other(certifying: own, key: try CertificateKey(.p256).publicKey, now: now)
        let bad: [([Certificate509], String)] = [
            ([], "holds no certificate"), ([own], "served anyway"), ([own, root], "served anyway"), ([root], "served anyway"),
            ([otherName.cross], "another name or key"), ([otherKey.cross], "another name or key"),
            ([good.root, good.cross], "another name or key"), ([good.cross, root], "is broken"),
            ([good.cross, good.root, root], "is broken"),
        ]
        for (certificates, reason) in bad {
            let unfit = #expect(throws: AlternateChain.Unfit.self) { try AlternateChain(certificates, issuer: own, root: root) }
            #expect(unfit?.reason.contains(reason) == true, "\(unfit?.reason ?? "")")
        }
        #expect(
            try AlternateChain([good.cross], issuer: own, root: root).certificates == [good.cross.der], "the root may be left out"
        )
        // The intermediate that leads to a certified root stands between.
        let certifiedRoot = try await Other(certifying: root, now: now)
        let unfit = #expect(throws: AlternateChain.Unfit.self) {
            try AlternateChain([certifiedRoot.cross], issuer: own, root: root)
        }
        #expect(unfit?.reason.contains("path length 0") == true, "this one permits no intermediate")
    }
}
