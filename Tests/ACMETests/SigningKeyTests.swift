import ACME
import Foundation
import Testing

struct SigningKeyTests {
    @Test(arguments: SigningKey.Kind.allCases) func `a new key signs, is written and read back`(kind: SigningKey.Kind) throws {
        let key = SigningKey(kind)
        let read = try SigningKey(pem: key.pem)
        #expect(read.jwk == key.jwk)
        #expect(read.pem == key.pem)
        #expect(key.pem.hasPrefix("-----BEGIN PRIVATE KEY-----\n") && key.pem.hasSuffix("\n-----END PRIVATE KEY-----\n"))
        #expect(key.pem.split(separator: "\n").allSatisfy { $0.utf8.count <= 64 })
        let signature = try read.sign([1, 2, 3])
        for algorithm in SignatureAlgorithm.allCases {
            #expect(key.jwk.isValid(signature, over: [1, 2, 3], by: algorithm) == key.jwk.algorithms.contains(algorithm))
        }
        #expect(!key.jwk.isValid(signature, over: [1, 2], by: key.algorithm))
        #expect(try JWK(canonical: key.jwk.canonical).subjectPublicKeyInfo == key.jwk.subjectPublicKeyInfo)
    }

    @Test(arguments: SigningKey.Kind.allCases) func `a message is read, and signed by its key alone`(kind: SigningKey.Kind) throws
    {
        let (key, other) = (SigningKey(kind), SigningKey(.p256))
        let url = "https://ca.example/acme/new-account"
        let first = try SignedMessage(key.message(payload: Array("{}".utf8), url: url, nonce: "abc", signer: nil))
        #expect(first.signer == .jwk(key.jwk))
        #expect(first.algorithm == key.algorithm && first.url == url && first.nonce == "abc" && first.payload == Array("{}".utf8))
        #expect(first.isSigned(by: key.jwk) && !first.isSigned(by: other.jwk))
        let account = "https://ca.example/acme/account/\"\\\u{1}é"
        let second = try SignedMessage(key.message(payload: [], url: url, nonce: "abc", signer: .kid(account)))
        #expect(second.signer == .kid(account) && second.payload.isEmpty && second.isSigned(by: key.jwk))
    }

    @Test(arguments: ForeignKey.all) func `OpenSSL's keys are read, and agree with other programs`(_ foreign: ForeignKey) throws {
        let key = try SigningKey(pem: foreign.pem)
        #expect(key.jwk.thumbprint == foreign.thumbprint)
        #expect(Base64URL.encode(key.jwk.subjectPublicKeyInfo) == foreign.subjectPublicKeyInfo)
        #expect(key.algorithm == foreign.algorithm)
        #expect(
            key.jwk.isValid(try Base64URL.decode(foreign.signature), over: Array("what is signed".utf8), by: foreign.algorithm))
        #expect(try SigningKey(pem: key.pem).jwk == key.jwk)
        #expect(try SigningKey(pem: foreign.pem.replacing("\n", with: "\r\n")).jwk == key.jwk)
    }

    @Test(arguments: RefusedKey.all) func `keys that are not served are refused`(_ refused: RefusedKey) {
        #expect(throws: Malformed.self) { try SigningKey(pem: refused.pem) }
    }

    @Test(arguments: [
        "", "hello", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
        "-----END PRIVATE KEY-----\n-----BEGIN PRIVATE KEY-----\n",
        "-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n",
        String(repeating: "A", count: 70_000),
    ])
    func `what is no key is refused`(pem: String) { #expect(throws: Malformed.self) { try SigningKey(pem: pem) } }

    @Test func `two keys in one text are refused`() {
        let pem = SigningKey(.p256).pem
        #expect(throws: Malformed.self) { try SigningKey(pem: pem + pem) }
    }

    @Test func `cut or damaged DER is refused and never traps`() throws {
        let der = Data(base64Encoded: SigningKey(.ed25519).pem.split(separator: "\n").dropFirst().dropLast().joined()) ?? Data()
        for length in 0..<der.count {
            let pem = "-----BEGIN PRIVATE KEY-----\n\(der.prefix(length).base64EncodedString())\n-----END PRIVATE KEY-----\n"
            #expect(throws: Malformed.self) { try SigningKey(pem: pem) }
        }
    }

    @Test func `an Ed25519 key with its public half (RFC 8410 section 7) is read`() throws {
        let key = SigningKey(.ed25519)
        let der = Data(base64Encoded: key.pem.split(separator: "\n").dropFirst().dropLast().joined()) ?? Data()
        let head: [UInt8] = [0x30, 0x51, 0x02, 0x01, 0x01, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20]
        let longer = Data(head + der.suffix(32) + [0x81, 0x21, 0x00] + key.jwk.subjectPublicKeyInfo.suffix(32))
        let pem = "-----BEGIN PRIVATE KEY-----\n\(longer.base64EncodedString())\n-----END PRIVATE KEY-----\n"
        #expect(try SigningKey(pem: pem).jwk == key.jwk)
    }

    @Test func `nothing secret prints`() throws {
        let key = SigningKey(.ed25519)
        var dumped = ""
        dump(key, to: &dumped)
        #expect("\(key)" == "SigningKey(EdDSA, \(key.jwk.thumbprint))")
        #expect(dumped.contains(key.jwk.thumbprint) && !dumped.lowercased().contains("secret"))
    }
}
