import Foundation
import PKIX
import TestSupport
import Testing

@Suite struct RevocationListTests {
    @Test func `S5280-5-1 a list is version 2 with key identifier and number, and is read back as it was written`() async throws {
        let hierarchy = try await TestHierarchy()
        let entries = [1, 3, 4, 5, 9, nil].map {
            RevocationList.Entry(serial: TestHierarchy.serial(), revokedAt: TestHierarchy.now - 60, reason: $0)
        }
        let list = try RevocationList(der: hierarchy.list(entries, number: 300))
        #expect(list.isSigned(by: hierarchy.intermediate) && !list.isSigned(by: hierarchy.root))
        #expect(list.number == 300 && list.thisUpdate == TestHierarchy.now && list.nextUpdate == TestHierarchy.now + 7 * 86_400)
        #expect(list.authorityKeyIdentifier == hierarchy.issuer.keyIdentifier)
        #expect(list.entries.map(\.reason) == entries.map(\.reason))
        for entry in entries { #expect(list.entry(serial: entry.serial)?.reason == entry.reason) }
        #expect(list.entry(serial: [1, 2, 3]) == nil)
    }

    @Test func `S5280-5.2-1 a reason is never 0, and without entries there is no list of them`() async throws {
        let hierarchy = try await TestHierarchy()
        let silent = try hierarchy.list([.init(serial: [1, 2], revokedAt: TestHierarchy.now, reason: 0)])
        #expect(try RevocationList(der: silent).entries.map(\.reason) == [nil])
        #expect(silent.firstRange(of: OID.reasonCode.content) == nil)
        let folder = try TemporaryFolder()
        let text = try await Program.succeed(
            "openssl", ["crl", "-noout", "-text", "-in", folder.write("crl.pem", PEM.encode("X509 CRL", hierarchy.list([])))])
        #expect(text.contains("No Revoked Certificates.") && text.contains("Version 2") && text.contains("X509v3 CRL Number"))
    }

    @Test func `openssl reads serial, time and reason`() async throws {
        let hierarchy = try await TestHierarchy()
        let entry = RevocationList.Entry(serial: [0x00, 0xab, 0xcd], revokedAt: TestHierarchy.now - 3600, reason: 4)
        let folder = try TemporaryFolder()
        let file = try folder.write("crl.pem", PEM.encode("X509 CRL", hierarchy.list([entry])))
        let text = try await Program.succeed("openssl", ["crl", "-noout", "-text", "-in", file])
        #expect(
            text.contains("Serial Number: ABCD\n") && text.contains("Nov 24 23:00:00 2026 GMT") && text.contains("Superseded"))
        #expect(!text.contains("critical"))
    }

    @Test func `any element emptied or doubled, or the end cut off, traps nothing`() async throws {
        let hierarchy = try await TestHierarchy()
        let der = try hierarchy.list([.init(serial: TestHierarchy.serial(), revokedAt: TestHierarchy.now, reason: 1)])
        for length in 0..<der.count {
            #expect(throws: Unacceptable.self) { _ = try RevocationList(der: Array(der.prefix(length))) }
        }
        let whole = try #require(Element(der))
        for variant in whole.variants(\.emptied) + whole.variants(\.doubled) where variant.der != der {
            let list = try? RevocationList(der: variant.der)
            #expect(list?.isSigned(by: hierarchy.intermediate) != true)
            #expect(!RevocationList.isSigned(variant.der, by: hierarchy.issuer))
        }
    }

    @Test func `the signature is judged by the headers alone, and no length leads beyond the bytes`() async throws {
        let (hierarchy, other) = (try await TestHierarchy(), try await TestHierarchy())
        let entries = (0..<300).map { _ in
            RevocationList.Entry(serial: TestHierarchy.serial(), revokedAt: TestHierarchy.now, reason: 1)
        }
        let der = try hierarchy.list(entries)
        #expect(RevocationList.isSigned(der, by: hierarchy.issuer))
        #expect(!RevocationList.isSigned(der, by: other.issuer))
        for length in 0..<64 { #expect(!RevocationList.isSigned(Array(der.prefix(length)), by: hierarchy.issuer)) }
        for place in Array(0..<64) + [der.count / 2] + Array((der.count - 90)..<der.count) {
            for value in [UInt8(0), 0x30, 0x7f, 0x80, 0x84, 0x88, 0xff] where der[place] != value {
                var changed = der
                changed[place] = value
                #expect(!RevocationList.isSigned(changed, by: hierarchy.issuer), "octet \(place) as \(value)")
            }
        }
    }

    @Test func `a signature that is not over these bytes makes no list`() async throws {
        let hierarchy = try await TestHierarchy()
        let tbs = RevocationListDraft().toBeSigned(
            issuer: hierarchy.issuer, number: 1, thisUpdate: TestHierarchy.now, nextUpdate: TestHierarchy.now + 86_400)
        #expect(throws: Unacceptable.self) {
            _ = try RevocationList.assemble(
                tbs: tbs, signature: hierarchy.key.sign(tbs + [0]), issuer: hierarchy.issuer)
        }
    }

    @Test func `a long list grows in proportion to its entries`() async throws {
        let hierarchy = try await TestHierarchy()
        let entries = (0..<5000).map { _ in
            RevocationList.Entry(serial: TestHierarchy.serial(), revokedAt: TestHierarchy.now, reason: 1)
        }
        let list = try RevocationList(der: hierarchy.list(entries))
        #expect(list.entries.count == 5000)
        #expect(Set(list.entries.map(\.serial)).count == 5000)
    }
}
