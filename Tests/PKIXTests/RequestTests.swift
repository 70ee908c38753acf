import Crypto
import Foundation
import TestSupport
import Testing

@testable import PKIX

/// A request put together by hand, so that it can be put together wrongly, and signed by its key.
struct RequestDraft {
    var version: [UInt8] = DER.integer(0)
    var subject = DistinguishedName.empty.der
    var key = RequestTests.key
    var publicKey: [UInt8]?
    var extensions: [[UInt8]] = [Extension.subjectAlternativeName(["a.example"], critical: false).der]
    var attributes: [[UInt8]]?
    var algorithm: [UInt8]?
    var signature: [UInt8]?

    static func attribute(_ oid: OID, _ values: [UInt8]...) -> [UInt8] { DER.sequence(oid.der, DER.set(Array(values.joined()))) }

    var info: [UInt8] {
        let wishes = Self.attribute(.extensionRequest, DER.sequence(of: extensions))
        let all = attributes ?? [wishes]
        return DER.sequence(version, subject, publicKey ?? key.publicKey.der, DER.constructed(0, Array(all.joined())))
    }
    func signed(_ info: [UInt8]? = nil) throws -> [UInt8] {
        let info = info ?? self.info
        return DER.sequence(
            info, algorithm ?? key.scheme.algorithmIdentifier, DER.bitString(try signature ?? key.sign(info)))
    }
}

struct RequestTrap: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let kind: Unacceptable.Kind
    let change: @Sendable (inout RequestDraft) throws -> Void
    init(_ name: String, _ kind: Unacceptable.Kind, _ change: @escaping @Sendable (inout RequestDraft) throws -> Void) {
        (testDescription, self.kind, self.change) = (name, kind, change)
    }
}

@Suite struct RequestTests {
    static let key: CertificateKey = {
        guard let key = try? CertificateKey(.p256) else { fatalError("no key") }
        return key
    }()

    static let traps: [RequestTrap] = [
        RequestTrap("version 2", .malformed) { $0.version = DER.integer(1) },
        RequestTrap("version of 100 octets", .malformed) { $0.version = DER.integer([UInt8](repeating: 7, count: 100)) },
        RequestTrap("version absent", .malformed) { $0.version = [] },
        RequestTrap("subject no name", .malformed) { $0.subject = DER.null },
        RequestTrap("an RDN empty", .malformed) { $0.subject = DER.sequence(DER.set()) },
        RequestTrap("an attribute of the name empty", .malformed) { $0.subject = DER.sequence(DER.set(DER.sequence())) },
        RequestTrap("an attribute of the name without value", .malformed) {
            $0.subject = DER.sequence(DER.set(DER.sequence(OID.commonName.der)))
        },
        RequestTrap("a huge RDN", .malformed) {
            $0.subject = DistinguishedName(commonName: String(repeating: "x", count: 20_000)).der
        },
        RequestTrap("51 RDNs", .malformed) { draft in
            let rdn = DER.set(DER.sequence(OID.organization.der, DER.utf8("x")))
            draft.subject = DER.sequence(of: Array(repeating: rdn, count: 51))
        },
        RequestTrap("51 attributes in one RDN", .malformed) { draft in
            let pair = DER.sequence(OID.organization.der, DER.utf8("x"))
            draft.subject = DER.sequence(DER.element(0x31, Array(repeatElement(pair, count: 51).joined())))
        },
        RequestTrap("common name in broken UTF-8", .names) {
            $0.subject = DER.sequence(DER.set(DER.sequence(OID.commonName.der, DER.element(0x0c, [0xff, 0xfe]))))
        },
        RequestTrap("common name an integer", .names) {
            $0.subject = DER.sequence(DER.set(DER.sequence(OID.commonName.der, DER.integer(7))))
        },
        RequestTrap("common name a sequence", .names) {
            $0.subject = DER.sequence(DER.set(DER.sequence(OID.commonName.der, DER.sequence(DER.null))))
        },
        RequestTrap("the same extension twice", .malformed) { $0.extensions.append($0.extensions[0]) },
        RequestTrap("no extensions in the request for them", .malformed) { $0.extensions = [] },
        RequestTrap("65 extensions", .malformed) { draft in
            draft.extensions = (0..<65).map { Extension(OID(content: [0x2a, UInt8($0)]), value: DER.null).der }
        },
        RequestTrap("an extension with FALSE written out", .malformed) {
            $0.extensions = [DER.sequence(OID.keyUsage.der, DER.boolean(false), DER.octetString([3, 2, 0, 0x80]))]
        },
        RequestTrap("an extension with a boolean of 1", .malformed) {
            $0.extensions = [DER.sequence(OID.keyUsage.der, [1, 1, 1], DER.octetString([3, 2, 0, 0x80]))]
        },
        RequestTrap("an extension empty", .malformed) { $0.extensions = [DER.sequence()] },
        RequestTrap("extension request twice", .malformed) { draft in
            let wish = RequestDraft.attribute(.extensionRequest, DER.sequence(of: draft.extensions))
            draft.attributes = [wish, wish]
        },
        RequestTrap("extension request with two values", .malformed) { draft in
            let list = DER.sequence(of: draft.extensions)
            draft.attributes = [RequestDraft.attribute(.extensionRequest, list, list)]
        },
        RequestTrap("extension request without value", .malformed) {
            $0.attributes = [RequestDraft.attribute(.extensionRequest)]
        },
        RequestTrap("another attribute twice", .malformed) { draft in
            let attribute = RequestDraft.attribute([1, 2, 3], DER.null)
            draft.attributes = [attribute, attribute]
        },
        RequestTrap("an attribute empty", .malformed) { $0.attributes = [DER.sequence()] },
        RequestTrap("an attribute that is a string", .malformed) { $0.attributes = [DER.utf8("x")] },
        RequestTrap("subjectAltName empty", .malformed) {
            $0.extensions = [Extension(.subjectAlternativeName, value: DER.sequence()).der]
        },
        RequestTrap("subjectAltName no sequence", .malformed) {
            $0.extensions = [Extension(.subjectAlternativeName, value: DER.null).der]
        },
        RequestTrap("subjectAltName followed by bytes", .malformed) {
            $0.extensions = [Extension(.subjectAlternativeName, value: DER.sequence(DER.primitive(2, [0x61])) + [0, 0]).der]
        },
        RequestTrap("subjectAltName with an unknown choice", .malformed) {
            $0.extensions = [Extension(.subjectAlternativeName, value: DER.sequence(DER.primitive(9, [0x61]))).der]
        },
        RequestTrap("a DNS name in UTF-8", .names) {
            $0.extensions = [Extension(.subjectAlternativeName, value: DER.sequence(DER.primitive(2, Array("bücher".utf8)))).der]
        },
        RequestTrap("a DNS name with NUL", .names) {
            $0.extensions = [Extension(.subjectAlternativeName, value: DER.sequence(DER.primitive(2, [0x61, 0, 0x62]))).der]
        },
        RequestTrap("a DNS name that is constructed", .malformed) {
            $0.extensions = [Extension(.subjectAlternativeName, value: DER.sequence(DER.constructed(2, DER.null))).der]
        },
        RequestTrap("10,000 names", .malformed) { draft in
            draft.extensions = [Extension.subjectAlternativeName((0..<10_000).map { "n\($0).example" }, critical: false).der]
        },
        RequestTrap("basicConstraints broken", .malformed) {
            $0.extensions = [Extension(.basicConstraints, value: DER.sequence(DER.null)).der]
        },
        RequestTrap("a key of an unknown kind", .key) {
            $0.publicKey = DER.sequence(
                DER.sequence(([1, 3, 101, 113] as OID).der), DER.bitString([UInt8](repeating: 1, count: 57)))
        },
        RequestTrap("a key that is empty", .malformed) { $0.publicKey = DER.sequence() },
        RequestTrap("a point off the curve", .key) { draft in
            let point = [4] + [UInt8](repeating: 1, count: 64)
            draft.publicKey = DER.sequence(DER.sequence(OID.ecPublicKey.der, OID.p256.der), DER.bitString(point))
        },
        RequestTrap("the point at infinity", .key) {
            $0.publicKey = DER.sequence(DER.sequence(OID.ecPublicKey.der, OID.p256.der), DER.bitString([0]))
        },
        RequestTrap("a compressed point", .key) { draft in
            let point = [2] + draft.key.publicKey.key[1...32]
            draft.publicKey = DER.sequence(DER.sequence(OID.ecPublicKey.der, OID.p256.der), DER.bitString(point))
        },
        RequestTrap("a curve with parameters written out", .key) { draft in
            draft.publicKey = DER.sequence(
                DER.sequence(OID.ecPublicKey.der, DER.sequence()), DER.bitString(draft.key.publicKey.key))
        },
        RequestTrap("RSA 1024", .key) {
            $0.publicKey = try LintTests.rsa(modulus: [0xc1] + [UInt8](repeating: 0xab, count: 127)).der
        },
        RequestTrap("RSA without parameters", .key) { draft in
            let key = DER.sequence(DER.integer([0xc1] + [UInt8](repeating: 0xab, count: 255)), DER.integer(65537))
            draft.publicKey = DER.sequence(DER.sequence(OID.rsaEncryption.der), DER.bitString(key))
        },
        RequestTrap("RSA modulus of 0 octets", .malformed) { draft in
            let key = DER.sequence([2, 0], DER.integer(65537))
            draft.publicKey = DER.sequence(DER.sequence(OID.rsaEncryption.der, DER.null), DER.bitString(key))
        },
        RequestTrap("signed with SHA-1", .signature) { $0.algorithm = DER.sequence(([1, 2, 840, 10045, 4, 1] as OID).der) },
        RequestTrap("signed with MD5", .signature) {
            $0.algorithm = DER.sequence(([1, 2, 840, 113549, 1, 1, 4] as OID).der, DER.null)
        },
        RequestTrap("signed with RSA and SHA-1", .signature) {
            $0.algorithm = DER.sequence(([1, 2, 840, 113549, 1, 1, 5] as OID).der, DER.null)
        },
        RequestTrap("an algorithm of another key", .signature) { $0.algorithm = SignatureScheme.rsaSHA256.algorithmIdentifier },
        RequestTrap("an algorithm with NULL where none belongs", .signature) {
            $0.algorithm = DER.sequence(([1, 2, 840, 10045, 4, 3, 2] as OID).der, DER.null)
        },
        RequestTrap("an algorithm that is empty", .signature) { $0.algorithm = DER.sequence() },
        RequestTrap("signature empty", .signature) { $0.signature = [] },
        RequestTrap("signature of zeros", .signature) { $0.signature = DER.sequence(DER.integer(0), DER.integer(0)) },
        RequestTrap("signature of another's", .signature) { $0.signature = try CertificateKey(.p256).sign($0.info) },
        RequestTrap("signature of other bytes", .signature) { $0.signature = try $0.key.sign([1, 2, 3]) },
    ]

    @Test(arguments: traps) func `a request that is wrong is refused for what is wrong`(trap: RequestTrap) throws {
        var draft = RequestDraft()
        try trap.change(&draft)
        let der = try draft.signed()
        let error = #expect(throws: Unacceptable.self) { _ = try CertificateRequest(der: der) }
        #expect(error?.kind == trap.kind, "\(error?.reason ?? "")")
    }

    @Test func `a request as it should be is read`() throws {
        var draft = RequestDraft()
        draft.subject = DistinguishedName(commonName: "A.example").der
        draft.extensions = [
            Extension.subjectAlternativeName(["A.example", "b.example"], critical: true).der,
            Extension(.keyUsage, critical: true, value: DER.null).der, Extension([1, 2, 3], critical: true, value: DER.null).der,
        ]
        let request = try CertificateRequest(der: draft.signed())
        #expect(request.dnsNames == ["A.example", "b.example"])
        #expect(request.commonNames == ["A.example"])
        #expect(request.otherNames == [] && !request.asksForCA)
        #expect(request.publicKey == Self.key.publicKey)
    }

    @Test(
        arguments: [
            ([192, 0, 2, 1], "192.0.2.1"), ([0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [1], "2001:db8::1"),
            ([UInt8](repeating: 0, count: 16), "::"), ([0xfe, 0x80] + [UInt8](repeating: 0, count: 14), "fe80::"),
            ([0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0], "1:0:2::3:0:0"),
            ([0, 1, 0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7], "1:0:2:3:4:5:6:7"),
            ([0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4], "1::2:0:0:3:4"),
        ] as [([UInt8], String)])
    func `an address is written as RFC 5952 wants it`(octets: [UInt8], text: String) { #expect(octets.addressText == text) }

    @Test func `wishes that are not granted are noticed`() throws {
        var draft = RequestDraft()
        let names = DER.sequence(
            DER.primitive(2, Array("a.example".utf8)), DER.primitive(7, [192, 0, 2, 1]), DER.primitive(1, Array("a@b".utf8)),
            DER.constructed(0, DER.sequence(([1, 2, 3] as OID).der)), DER.primitive(6, Array("https://a".utf8)),
            DER.constructed(4, DER.sequence()), DER.primitive(8, [0x2a]), DER.primitive(7, [UInt8](repeating: 0, count: 15) + [1])
        )
        draft.extensions = [Extension(.subjectAlternativeName, value: names).der, Extension.isCA(pathLength: nil).der]
        let request = try CertificateRequest(der: draft.signed())
        #expect(request.asksForCA)
        #expect(request.dnsNames == ["a.example"])
        #expect(
            request.otherNames == [
                "IP address 192.0.2.1", "e-mail address a@b", "other name", "URI https://a", "directory name", "registered ID",
                "IP address ::1",
            ])
    }

    @Test func `a common name that is no alternative name is there for the authority to see`() throws {
        var draft = RequestDraft()
        draft.subject = DistinguishedName(commonName: "evil.example").der
        let request = try CertificateRequest(der: draft.signed())
        #expect(request.commonNames == ["evil.example"] && request.dnsNames == ["a.example"])
    }

    @Test func `a request without attributes at all has no names`() throws {
        var draft = RequestDraft()
        draft.attributes = []
        #expect(try CertificateRequest(der: draft.signed()).dnsNames == [])
        let bare = DER.sequence(DER.integer(0), DistinguishedName.empty.der, Self.key.publicKey.der)
        #expect(try CertificateRequest(der: draft.signed(bare)).dnsNames == [])
    }

    @Test func `cut off after any byte it is refused`() throws {
        let der = try RequestDraft().signed()
        for length in 0..<der.count {
            #expect(throws: Unacceptable.self) { _ = try CertificateRequest(der: Array(der.prefix(length))) }
        }
        #expect(throws: Unacceptable.self) { _ = try CertificateRequest(der: der + [0]) }
    }

    @Test func `with any byte changed it is refused`() throws {
        let der = try RequestDraft().signed()
        for index in der.indices {
            for value in Set([der[index] ^ 1, der[index] ^ 0x80, 0, 0xff]).subtracting([der[index]]) {
                var bad = der
                bad[index] = value
                // A signature may have two forms only if the DER of its integers did not catch it.
                #expect(throws: Unacceptable.self) { _ = try CertificateRequest(der: bad) }
            }
        }
    }

    @Test func `any element emptied or doubled, and signed again, traps nothing and invents no name`() throws {
        let draft = RequestDraft()
        let info = try #require(Element(draft.info))
        #expect(info.der == draft.info)
        for variant in info.variants(\.emptied) + info.variants(\.doubled) where variant.der != draft.info {
            guard let request = try? CertificateRequest(der: draft.signed(variant.der)) else { continue }
            #expect(Set(request.dnsNames).isSubset(of: ["a.example", "a.examplea.example"]))
        }
        let whole = try #require(Element(draft.signed()))
        for variant in whole.variants(\.emptied) where variant.der != whole.der {
            #expect(throws: Unacceptable.self) { _ = try CertificateRequest(der: variant.der) }
        }
    }

    @Test(arguments: [UInt8(0x30), 0x31, 0xa0])
    func `nesting without end is refused`(tag: UInt8) {
        var der: [UInt8] = []
        for _ in 0..<4000 where der.count < 60_000 { der = DER.element(tag, der) }
        #expect(throws: Unacceptable.self) { _ = try CertificateRequest(der: der) }
    }

    @Test(arguments: [
        ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
        ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"], ["-newkey", "rsa:2048"], ["-newkey", "rsa:3072"],
        ["-newkey", "rsa:4096"],
        ["-newkey", "ed25519"], ["-newkey", "rsa:2048", "-sha384"], ["-newkey", "rsa:2048", "-sha512"],
        ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-sha512"],
    ])
    func `requests that openssl makes are read`(options: [String]) async throws {
        let folder = try TemporaryFolder()
        let pem = try await Program.succeed(
            "openssl",
            ["req", "-new", "-nodes", "-keyout", folder.path("k"), "-subj", "/O=X/CN=a.example", "-addext"]
                + ["subjectAltName=DNS:a.example,DNS:*.b.example"] + options)
        let request = try CertificateRequest(der: try #require(PEM.decode(pem).first).bytes)
        #expect(request.dnsNames == ["a.example", "*.b.example"] && request.commonNames == ["a.example"])
    }

    @Test(
        arguments: [
            (["-newkey", "rsa:1024"], Unacceptable.Kind.key), (["-newkey", "rsa:2048", "-sha1"], .signature),
            (["-newkey", "rsa:2048", "-md5"], .signature), (["-newkey", "ed448"], .key),
            (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"], .key), (["-newkey", "rsa:2056"], nil),
            (["-newkey", "rsa:2050"], .key), (["-newkey", "rsa:2048", "-pkeyopt", "rsa_keygen_pubexp:3"], nil),
            (["-newkey", "rsa:2048", "-sigopt", "rsa_padding_mode:pss"], .signature),
        ] as [([String], Unacceptable.Kind?)])
    func `requests that openssl makes and that are too weak or foreign are refused`(
        options: [String], kind: Unacceptable.Kind?
    ) async throws {
        let folder = try TemporaryFolder()
        let pem = try await Program.succeed(
            "openssl", ["req", "-new", "-nodes", "-keyout", folder.path("k"), "-subj", "/CN=a.example"] + options)
        let der = try #require(PEM.decode(pem).first).bytes
        do {
            _ = try CertificateRequest(der: der)
            #expect(kind == nil)
        } catch {
            #expect(error.kind == kind, "\(error.reason)")
        }
    }

    @Test(arguments: [CertificateKey.Kind.p256, .p384, .p521, .rsa2048, .ed25519])
    func `openssl verifies requests that we make`(kind: CertificateKey.Kind) async throws {
        let key = try CertificateKey(kind)
        let folder = try TemporaryFolder()
        for common in [nil, "a.example"] {
            let der = try CertificateRequest.make(names: ["a.example", "*.a.example"], key: key, commonName: common)
            let request = try CertificateRequest(der: der)
            #expect(request.dnsNames == ["a.example", "*.a.example"] && request.commonNames == [common].compactMap { $0 })
            let file = try folder.write("r.pem", PEM.encode("CERTIFICATE REQUEST", der))
            let text = try await Program.succeed("openssl", ["req", "-noout", "-verify", "-text", "-in", file])
            #expect(text.contains("DNS:a.example, DNS:*.a.example"))
        }
        #expect(throws: Unacceptable.self) { _ = try CertificateRequest.make(names: [], key: key) }
        #expect(throws: Unacceptable.self) { _ = try CertificateRequest.make(names: ["bücher.example"], key: key) }
    }
}
