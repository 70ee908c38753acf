import Foundation
import Testing

@testable import PKIX

/// A description and what no description can say.
struct Draft {
    var description: CertificateDescription
    let scheme: SignatureScheme
    var now = TestHierarchy.now
    /// Pairs of elements of the finished bytes: what stands there, what shall.
    var replaced: [([UInt8], [UInt8])] = []

    var bytes: [UInt8] {
        replaced.reduce(ToBeSigned(description, signedWith: scheme).bytes) { replacing($1.0, by: $1.1, in: $0) }
    }
    mutating func remove(_ oid: OID) { description.extensions.removeAll { $0.oid == oid } }
    mutating func set(_ oid: OID, critical: Bool? = nil, _ value: [UInt8]? = nil) {
        description.extensions = description.extensions.map {
            $0.oid == oid ? Extension(oid, critical: critical ?? $0.isCritical, value: value ?? $0.value) : $0
        }
    }
    mutating func names(_ names: [String]) {
        set(.subjectAlternativeName, Extension.subjectAlternativeName(names, critical: true).value)
    }
}

struct LintFixture: CustomTestStringConvertible, Sendable {
    let rule: String
    let kind: CertificateKind
    let change: @Sendable (inout Draft) throws -> Void
    var testDescription: String { "\(rule) (\(kind))" }

    init(_ rule: String, _ kind: CertificateKind = .leaf, _ change: @escaping @Sendable (inout Draft) throws -> Void) {
        (self.rule, self.kind, self.change) = (rule, kind, change)
    }
}

@Suite struct LintTests {
    static let oneDay = 86_400.0

    /// For every rule at least one certificate that breaks it.
    static let broken: [LintFixture] = [
        LintFixture("version-3") { $0.replaced = [([0xa0, 3, 2, 1, 2], [0xa0, 3, 2, 1, 1])] },
        LintFixture("serial-positive") { $0.description.serial = [0] },
        LintFixture("serial-positive") { draft in
            draft.replaced = [(DER.integer(draft.description.serial), [2, 16, 0x80] + [UInt8](repeating: 7, count: 15))]
        },
        LintFixture("serial-at-most-20-octets") { $0.description.serial = [UInt8](repeating: 7, count: 21) },
        LintFixture("serial-at-most-20-octets") { $0.description.serial = [UInt8](repeating: 0xff, count: 20) },
        LintFixture("serial-at-least-64-bits") { $0.description.serial = [1, 2, 3, 4, 5, 6, 7, 8] },
        LintFixture("signature-algorithm") { $0 = Draft(description: $0.description, scheme: .ecdsaSHA384) },
        LintFixture("no-unique-identifiers") { draft in
            let key = draft.description.publicKey.der
            draft.replaced = [
                (DER.constructed(3, DER.sequence(of: draft.description.extensions.map(\.der))), DER.constructed(2, key))
            ]
        },
        LintFixture("known-extensions") { $0.description.extensions.append(Extension([1, 2, 3, 4], value: DER.null)) },
        LintFixture("known-extensions", .root) { $0.description.extensions.append(.extendedKeyUsage([.serverAuth])) },
        LintFixture("known-extensions", .intermediate) {
            $0.description.extensions.append(.subjectAlternativeName(["a.b"], critical: false))
        },
        LintFixture("known-extensions") { $0.description.extensions.append(.nameConstraints(permitted: ["example.com"])) },
        LintFixture("canonical") { draft in
            draft.replaced = [(DER.time(draft.description.notBefore), DER.element(0x18, Array("20261125000000Z".utf8)))]
        },
        LintFixture("validity-order") { $0.description.notAfter = $0.description.notBefore - 1 },
        LintFixture("validity-time-form") { draft in
            draft.replaced = [(DER.time(draft.description.notAfter), DER.element(0x18, Array("20270108235959Z".utf8)))]
        },
        LintFixture("validity-begins-near-now") { $0.now += 2 * oneDay + 1 },
        LintFixture("validity-begins-near-now") { $0.description.notBefore += 2 * oneDay + 1 },
        LintFixture("validity-not-over") { $0.now = $0.description.notAfter },
        LintFixture("validity-within-issuer") {
            $0.description.notAfter = CertificateDescription.notAfter(TestHierarchy.now, lasting: 1825 * 86_400) + 1
        },
        LintFixture("validity-within-issuer", .intermediate) { $0.description.notAfter += 3650 * oneDay },
        LintFixture("validity-leaf-at-most-398-days") {
            $0.description.notAfter = CertificateDescription.notAfter(TestHierarchy.now, lasting: 398 * 86_400 + 1)
        },
        LintFixture("validity-root-at-most-9132-days", .root) {
            $0.description.notAfter = CertificateDescription.notAfter(TestHierarchy.now, lasting: 9132 * 86_400 + 1)
        },
        LintFixture("issuer-bytes") { $0.description.issuer = DistinguishedName(commonName: "Test Intermediate") },
        LintFixture("root-self-issued", .root) { $0.description.issuer = DistinguishedName(commonName: "Another") },
        LintFixture("not-self-issued", .intermediate) { $0.description.subject = $0.description.issuer },
        LintFixture("leaf-subject-empty") { $0.description.subject = DistinguishedName(commonName: "www.example.com") },
        LintFixture("authority-common-name", .intermediate) { $0.description.subject = .empty },
        LintFixture("authority-subject-attributes", .root) { draft in
            let (name, country) = (draft.description.subject.der, DER.set(DER.sequence(OID.country.der, DER.utf8("DE"))))
            let more = Element(name).map { DER.sequence($0.children?.flatMap(\.der) ?? [], country) } ?? []
            draft.replaced = [(name, more), (name, more)]
        },
        LintFixture("authority-subject-text", .intermediate) {
            $0.description.subject = DistinguishedName(commonName: String(repeating: "x", count: 65))
        },
        LintFixture("authority-subject-text", .intermediate) {
            $0.description.subject = DistinguishedName(commonName: "x\u{1b}[2J")
        },
        LintFixture("san-present") { $0.remove(.subjectAlternativeName) },
        LintFixture("san-criticality") { $0.set(.subjectAlternativeName, critical: false) },
        LintFixture("san-not-empty") { $0.set(.subjectAlternativeName, DER.sequence()) },
        LintFixture("san-names-and-addresses") {
            $0.set(.subjectAlternativeName, DER.sequence(DER.primitive(7, [192, 0, 2, 1, 5])))
        },
        LintFixture("san-names-and-addresses") {
            $0.set(.subjectAlternativeName, DER.sequence(DER.primitive(6, Array("https://a.example.com".utf8))))
        },
        LintFixture("san-names-and-addresses") {
            $0.set(.subjectAlternativeName, DER.sequence(DER.primitive(1, Array("a@example.com".utf8))))
        },
        LintFixture("san-unique") { $0.names(["a.example.com", "a.example.com"]) },
        LintFixture("san-lower-case") { $0.names(["A.example.com"]) },
        LintFixture("san-length") { $0.names([String(repeating: "a", count: 64) + ".example.com"]) },
        LintFixture("san-length") { $0.names([String(repeating: "a.", count: 122) + "example.com"]) },
        LintFixture("san-no-empty-label") { $0.names(["example.com."]) },
        LintFixture("san-no-empty-label") { $0.names([""]) },
        LintFixture("san-no-empty-label") { $0.names(["a..example.com"]) },
        LintFixture("san-letters-digits-hyphen") { $0.names(["a_b.example.com"]) },
        LintFixture("san-letters-digits-hyphen") { $0.names(["-a.example.com"]) },
        LintFixture("san-letters-digits-hyphen") { $0.names(["a-.example.com"]) },
        LintFixture("san-letters-digits-hyphen") { $0.names(["*.*.example.com"]) },
        LintFixture("san-wildcard-leftmost") { $0.names(["a.*.example.com"]) },
        LintFixture("san-wildcard-leftmost") { $0.names(["*a.example.com"]) },
        LintFixture("san-wildcard-leftmost") { $0.names(["*"]) },
        LintFixture("san-no-reserved-label") { $0.names(["ab--c.example.com"]) },
        LintFixture("san-no-address") { $0.names(["192.0.2.1"]) },
        LintFixture("san-within-constraints") { $0.names(["example.net"]) },
        LintFixture("san-within-constraints") { $0.names(["badexample.com"]) },
        LintFixture("key-algorithm") { draft in
            let ed448 = DER.sequence(
                DER.sequence(([1, 3, 101, 113] as OID).der), DER.bitString([UInt8](repeating: 9, count: 57)))
            draft.replaced = [(draft.description.publicKey.der, ed448)]
        },
        LintFixture("key-strength") {
            $0.description.publicKey = try rsa(modulus: [0xc1] + [UInt8](repeating: 0xab, count: 127))
        },
        LintFixture("key-not-the-issuers") { $0.description.publicKey = try issuerKey.publicKey },
        LintFixture("root-key-its-own", .root) { $0.description.publicKey = try CertificateKey(.p256).publicKey },
        LintFixture("constraints-present") { $0.remove(.basicConstraints) },
        LintFixture("constraints-critical") { $0.set(.basicConstraints, critical: false) },
        LintFixture("constraints-leaf") { $0.set(.basicConstraints, Extension.isCA(pathLength: 0).value) },
        LintFixture("constraints-leaf") { $0.set(.basicConstraints, DER.sequence(DER.boolean(false))) },
        LintFixture("constraints-authority", .intermediate) { $0.set(.basicConstraints, DER.sequence()) },
        LintFixture("constraints-path-length", .intermediate) {
            $0.set(.basicConstraints, Extension.isCA(pathLength: nil).value)
        },
        LintFixture("constraints-path-length", .root) { $0.set(.basicConstraints, Extension.isCA(pathLength: 0).value) },
        LintFixture("name-constraints-critical", .intermediate) { $0.set(.nameConstraints, critical: false) },
        LintFixture("name-constraints-form", .intermediate) { $0.set(.nameConstraints, DER.sequence()) },
        LintFixture("name-constraints-form", .intermediate) {
            $0.set(.nameConstraints, Extension.nameConstraints(permitted: [".example.com"]).value)
        },
        LintFixture("authority-key-identifier") { $0.remove(.authorityKeyIdentifier) },
        LintFixture("authority-key-identifier") {
            $0.set(.authorityKeyIdentifier, Extension.authorityKeyIdentifier([UInt8](repeating: 1, count: 20)).value)
        },
        LintFixture("authority-key-identifier") { $0.set(.authorityKeyIdentifier, critical: true) },
        LintFixture("subject-key-identifier", .intermediate) { $0.remove(.subjectKeyIdentifier) },
        LintFixture("subject-key-identifier") { $0.set(.subjectKeyIdentifier, DER.octetString([1, 2, 3])) },
        LintFixture("subject-key-identifier") { $0.set(.subjectKeyIdentifier, critical: true) },
        LintFixture("key-usage-present") { $0.remove(.keyUsage) },
        LintFixture("key-usage-critical") { $0.set(.keyUsage, critical: false) },
        LintFixture("key-usage-minimal") { $0.set(.keyUsage, [3, 2, 0, 0x80]) },
        LintFixture("key-usage-leaf") { $0.set(.keyUsage, Extension.keyUsage([.digitalSignature, .keyEncipherment]).value) },
        LintFixture("key-usage-leaf") { $0.set(.keyUsage, Extension.keyUsage([.keyCertSign]).value) },
        LintFixture("key-usage-authority", .intermediate) { $0.set(.keyUsage, Extension.keyUsage([.crlSign]).value) },
        LintFixture("extended-key-usage-present") { $0.remove(.extendedKeyUsage) },
        LintFixture("extended-key-usage-present", .intermediate) { $0.remove(.extendedKeyUsage) },
        LintFixture("extended-key-usage-server") { $0.set(.extendedKeyUsage, Extension.extendedKeyUsage([.clientAuth]).value) },
        LintFixture("extended-key-usage-server") {
            $0.set(.extendedKeyUsage, Extension.extendedKeyUsage([.serverAuth, [2, 5, 29, 37, 0]]).value)
        },
        LintFixture("extended-key-usage-server") { $0.set(.extendedKeyUsage, DER.sequence()) },
        LintFixture("extended-key-usage-not-critical") { $0.set(.extendedKeyUsage, critical: true) },
        LintFixture("issuer-url-not-critical") { $0.set(.authorityInformationAccess, critical: true) },
        LintFixture("issuer-url-form") { $0.set(.authorityInformationAccess, Extension.issuerURL("https://ca/1.cer").value) },
        LintFixture("issuer-url-form") { $0.set(.authorityInformationAccess, DER.sequence()) },
        LintFixture("crl-url-not-critical") { $0.set(.crlDistributionPoints, critical: true) },
        LintFixture("crl-url-form") { $0.set(.crlDistributionPoints, Extension.crlURL("ldap://ca/1.crl").value) },
        LintFixture("crl-url-form") { $0.set(.crlDistributionPoints, DER.sequence(DER.sequence())) },
        LintFixture("readable") { $0.replaced = [(DER.time($0.description.notAfter), DER.null)] },
        LintFixture("readable") { $0.description.extensions.append($0.description.extensions[0]) },
    ]

    private static let rootKey = Result { try CertificateKey(.p256) }
    private static let keyBelow = Result { try CertificateKey(.p256) }
    private static var issuerKey: CertificateKey { get throws { try keyBelow.get() } }

    static func rsa(modulus: [UInt8]) throws -> PublicKeyInfo {
        let key = DER.sequence(DER.integer(modulus), DER.integer(65537))
        return try PublicKeyInfo(der: DER.sequence(DER.sequence(OID.rsaEncryption.der, DER.null), DER.bitString(key)))
    }

    private func hierarchy() async throws -> TestHierarchy {
        try await TestHierarchy(Self.rootKey.get(), Self.issuerKey, permitted: ["example.com"])
    }

    private func draft(_ kind: CertificateKind, _ hierarchy: TestHierarchy) throws -> Draft {
        let end = CertificateDescription.notAfter(TestHierarchy.now, lasting: 1000 * 86_400)
        return switch kind {
        case .leaf:
            Draft(description: hierarchy.describe(try CertificateKey(.p256).publicKey), scheme: hierarchy.issuer.scheme)
        case .intermediate:
            Draft(
                description: .intermediate(
                    name: DistinguishedName(commonName: "Second"), key: try CertificateKey(.p256).publicKey,
                    issuer: hierarchy.rootIssuer,
                    serial: TestHierarchy.serial(), notBefore: TestHierarchy.now, notAfter: end, permitted: ["example.com"],
                    crlURL: "http://ca/1.crl", issuerURL: "http://ca/1.cer"), scheme: hierarchy.rootIssuer.scheme)
        case .root:
            Draft(
                description: .root(
                    name: DistinguishedName(commonName: "Root"), key: hierarchy.rootKey.publicKey, serial: TestHierarchy.serial(),
                    notBefore: TestHierarchy.now, notAfter: end), scheme: hierarchy.rootKey.scheme)
        }
    }

    private func findings(_ draft: Draft, _ kind: CertificateKind, _ hierarchy: TestHierarchy) -> [String] {
        let bytes = ToBeSigned(bytes: draft.bytes)
        do throws(LintFailure) {
            switch kind {
            case .leaf: _ = try Linted(bytes, issuer: hierarchy.issuer, at: draft.now)
            case .intermediate: _ = try Linted(bytes, as: .intermediate, issuer: hierarchy.rootIssuer, at: draft.now)
            case .root: _ = try Linted(root: bytes, key: hierarchy.rootKey.publicKey, at: draft.now)
            }
            return []
        } catch {
            return error.findings.map(\.rule)
        }
    }

    @Test(arguments: CertificateKind.allCases)
    func `a certificate as it should be passes every rule`(kind: CertificateKind) async throws {
        let hierarchy = try await hierarchy()
        #expect(findings(try draft(kind, hierarchy), kind, hierarchy) == [])
    }

    @Test func `a certificate of the authority's own server may bear addresses, and says which`() async throws {
        let hierarchy = try await hierarchy()
        var good = try draft(.leaf, hierarchy)
        let addresses: [[UInt8]] = [[127, 0, 0, 1], [UInt8](repeating: 0, count: 15) + [1]]
        good.set(
            .subjectAlternativeName,
            Extension.subjectAlternativeName(["a.example.com"], addresses: addresses, critical: true).value)
        #expect(findings(good, .leaf, hierarchy) == [])
        let fields = try TBSCertificate(der: good.bytes)
        #expect(try fields.addresses() == addresses && fields.dnsNames() == ["a.example.com"])
    }

    @Test(arguments: broken)
    func `a certificate that breaks a rule is refused by it`(fixture: LintFixture) async throws {
        let hierarchy = try await hierarchy()
        var draft = try draft(fixture.kind, hierarchy)
        try fixture.change(&draft)
        #expect(findings(draft, fixture.kind, hierarchy).contains(fixture.rule))
    }

    @Test func `every rule has its own name and a certificate that breaks it`() {
        let names = Linter.rules.map(\.name)
        #expect(names.count >= 30)
        #expect(Set(names).count == names.count)
        #expect(Set(names).union(["readable"]) == Set(Self.broken.map(\.rule)))
    }

    @Test(arguments: CertificateKind.allCases, CertificateKind.allCases)
    func `a certificate of one kind does not pass as another`(kind: CertificateKind, meant: CertificateKind) async throws {
        let hierarchy = try await hierarchy()
        #expect(findings(try draft(kind, hierarchy), meant, hierarchy).isEmpty == (kind == meant))
    }

    @Test(arguments: CertificateKind.allCases)
    func `to-be-signed bytes with any element emptied or doubled, or cut anywhere, are refused and trap nothing`(
        kind: CertificateKind
    ) async throws {
        let hierarchy = try await hierarchy()
        let good = try draft(kind, hierarchy)
        let whole = try #require(Element(good.bytes))
        #expect(whole.der == good.bytes)
        let doubled = whole.variants(\.doubled).filter { !Self.differOnlyInText($0.der, good.bytes) }
        #expect(doubled.count > 30)
        for variant in whole.variants(\.emptied) + doubled where variant.der != good.bytes {
            var bad = good
            bad.replaced = [(good.bytes, variant.der)]
            #expect(!findings(bad, kind, hierarchy).isEmpty)
        }
        for length in 0..<good.bytes.count {
            #expect(throws: LintFailure.self) {
                _ = try Linted(
                    ToBeSigned(bytes: Array(good.bytes.prefix(length))), issuer: hierarchy.issuer, at: TestHierarchy.now)
            }
        }
    }

    /// Names and URLs twice over can still be good names and URLs.
    private static func differOnlyInText(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        func rest(_ bytes: [UInt8]) -> [[UInt8]]? {
            guard let fields = try? TBSCertificate(der: bytes) else { return nil }
            let texts: Set<OID> = [
                .subjectAlternativeName, .authorityInformationAccess, .crlDistributionPoints, .nameConstraints,
            ]
            let extensions = fields.extensions.map { texts.contains($0.oid) ? $0.oid.der : $0.der }
            return [fields.serial, fields.signature, fields.issuer.der, fields.validity, fields.publicKey] + extensions
        }
        return rest(one) != nil && rest(one) == rest(other)
    }
}
