import Crypto
import Foundation
import TestSupport
import Testing

@testable import PKIX

@Suite struct KeyTests {
    static let good: [UInt8] = {
        guard let key = try? CertificateKey(.rsa2048), let numbers = try? RSAPublicKey(key.publicKey.key) else {
            fatalError("no key")
        }
        return numbers.modulus.words.reversed().flatMap { word in
            (0..<8).reversed().map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
        }
    }()

    static func info(_ modulus: [UInt8], _ exponent: [UInt8] = [1, 0, 1]) throws -> PublicKeyInfo {
        let key = DER.sequence(DER.integer(modulus), DER.integer(exponent))
        return try PublicKeyInfo(der: DER.sequence(DER.sequence(OID.rsaEncryption.der, DER.null), DER.bitString(key)))
    }
    static func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = Array(hexadecimal)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap { UInt8(String(digits[$0...($0 + 1)]), radix: 16) }
    }

    @Test(arguments: [[1, 0, 1], [3], [17], [0xff, 0xff, 0xff, 0xff]] as [[UInt8]])
    func `a modulus of openssl's or BoringSSL's make passes with any odd exponent to 32 bits`(exponent: [UInt8]) throws {
        try KeyCheck.check(Self.info(Self.good, exponent))
    }

    @Test(arguments: [[], [1], [2], [4], [1, 0, 0], [1, 0, 0, 0, 1]] as [[UInt8]])
    func `an exponent that is 0, 1, even or long is refused`(exponent: [UInt8]) throws {
        let info = try Self.info(Self.good, exponent)
        let error = #expect(throws: Unacceptable.self) { try KeyCheck.check(info) }
        #expect(error?.reason.contains("exponent") == true)
    }

    typealias Change = @Sendable (inout [UInt8]) -> Void
    static let misshapen: [(reason: String, change: Change)] = [
        ("even", { $0[255] &= 0xfe }), ("at least 2048", { $0 = Array($0.suffix(128)) }),
        ("at least 2048", { $0[0] = $0[0] & 0x7f | 0x40 }), ("at most 4096", { $0 = $0 + $0 + [1] }),
        ("octets", { $0 = [1] + $0 }),
    ]

    @Test func `a modulus that is even, of the wrong length or of uneven octets is refused`() throws {
        for (reason, change) in Self.misshapen {
            var modulus = Self.good
            change(&modulus)
            let info = try Self.info(modulus)
            let error = #expect(throws: Unacceptable.self) { try KeyCheck.check(info) }
            #expect(error?.kind == .key && error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
        }
    }

    @Test func `a modulus longer than 8192 bits is not even looked at`() {
        #expect(throws: Unacceptable.self) { _ = try Self.info([UInt8](repeating: 0xff, count: 1025)) }
    }

    @Test func `a modulus divisible by any prime below 752 is refused`() throws {
        let primes = (3..<752).filter { candidate in (2..<candidate).allSatisfy { candidate % $0 != 0 } }
        #expect(primes.count == 132)
        let modulus = BigNumber(bigEndian: Self.good)
        for prime in primes.map(UInt64.init) {
            // Odd again and divisible: add an even amount that fills up the remainder.
            let missing = prime - modulus.remainder(by: prime)
            let divisible = modulus + BigNumber(missing % 2 == 0 ? missing : missing + prime)
            #expect(throws: Unacceptable.self) { try KeyCheck.check(modulus: divisible) }
        }
    }

    @Test(arguments: [
        ("ROCA", roca, "ROCA"), ("neighbouring primes", neighbours, "too close"), ("round 50", fifty, "too close"),
    ])
    func `keys that can be factored are refused`(name: String, modulus: String, reason: String) throws {
        let info = try Self.info(Self.bytes(modulus))
        let error = #expect(throws: Unacceptable.self) { try KeyCheck.check(info) }
        #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
    }

    @Test func `Fermat's method stops after 100 rounds`() throws {
        try KeyCheck.check(Self.info(Self.bytes(Self.round129)))
    }

    @Test func `square roots leave what they should`() {
        for count in 1...40 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255) }
            let number = BigNumber(bigEndian: bytes)
            let (root, rest) = number.squareRoot()
            var square = rest
            for word in root.words.indices {
                for bit in 0..<64 where root.words[word] >> UInt64(bit) & 1 == 1 {
                    var shifted = root
                    for _ in 0..<(word * 64 + bit) { shifted = shifted + shifted }
                    square = square + shifted
                }
            }
            #expect(square == number)
            #expect(root + root >= rest)
        }
        #expect(BigNumber(bigEndian: [0, 0, 9]).isPerfectSquare && !BigNumber(bigEndian: [8]).isPerfectSquare)
        #expect(BigNumber(0).squareRoot().root == BigNumber(0))
    }

    @Test(arguments: CertificateKey.Kind.allCases.filter { $0 != .rsa3072 && $0 != .rsa4096 })
    func `a key is read back from its PEM, by openssl too, and signs what its public key verifies`(
        kind: CertificateKey.Kind
    ) async throws {
        let key = try CertificateKey(kind)
        #expect(try CertificateKey(pem: key.pem).publicKey == key.publicKey)
        let public64 = try await Program.succeed("openssl", ["pkey", "-pubout"], input: key.pem)
        #expect(try PEM.decode(public64).first?.bytes == key.publicKey.der)
        let signature = try key.sign([1, 2, 3])
        #expect(key.publicKey.verify(signature: signature, over: [1, 2, 3], algorithm: key.scheme))
        #expect(!key.publicKey.verify(signature: signature, over: [1, 2, 4], algorithm: key.scheme))
        for scheme in SignatureScheme.allCases where scheme != key.scheme {
            #expect(!key.publicKey.verify(signature: signature, over: [1, 2, 3], algorithm: scheme))
        }
        #expect(!"\(key)".contains(key.pem.dropFirst(40).prefix(20)) && !String(reflecting: key).contains("PrivateKey"))
        try KeyCheck.check(key.publicKey)
    }

    @Test(arguments: [["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], ["rsa"]])
    func `the older forms of private keys are read`(options: [String]) async throws {
        let modern = try await Program.succeed("openssl", ["genpkey", "-algorithm"] + options)
        let older = try await Program.succeed("openssl", ["pkey", "-traditional"], input: modern)
        #expect(older != modern)
        #expect(try CertificateKey(pem: older).publicKey == CertificateKey(pem: modern).publicKey)
    }

    @Test func `the key identifier is the one that openssl writes`() async throws {
        let folder = try TemporaryFolder()
        let key = try CertificateKey(.p256)
        let pem = try await Program.succeed(
            "openssl", ["req", "-x509", "-subj", "/CN=x", "-days", "1", "-key", folder.write("k.pem", key.pem)])
        #expect(try Certificate509(der: try #require(PEM.decode(pem).first).bytes).keyIdentifier == key.publicKey.keyIdentifier)
    }

    @Test func `private keys that are cut, empty or encrypted are refused`() throws {
        let key = try CertificateKey(.p256)
        for length in 0..<key.pkcs8.count {
            #expect(throws: Unacceptable.self) { _ = try CertificateKey(pkcs8: Array(key.pkcs8.prefix(length))) }
        }
        let whole = try #require(Element(key.pkcs8))
        for variant in whole.variants(\.emptied) { _ = try? CertificateKey(pkcs8: variant.der) }
        #expect(throws: Unacceptable.self) { _ = try CertificateKey(pem: PEM.encode("ENCRYPTED PRIVATE KEY", [1])) }
        #expect(throws: Unacceptable.self) { _ = try CertificateKey(pem: key.pem + key.pem) }
    }

    static let roca =
        "8ddc3fad57ebdc68892c785771e6b61423472249e9ff74e5ad426aa7073656afd14d136c8987a85a49f08cb56143ea83c2048299da19f9941292"
        + "f2c659b22063feb4ad38c6eae90a459298f4d545e48594c9f4b7519c9152ebd3d4e2cc480808df2570c680dd031b950d8ffa9f3e4f4bde609b15"
        + "5ddf94566c8cf31741efeb3cb9c4579786101fc64043f6b22ba2b359cd6735af3f8cf33d0fa8dde735584f585b0354e515a3165664daddd900e6"
        + "37cf8f02ce0f5ba94e4b411fb538b2975ea3d42b39b850ad679ccaa62c842495b5c43b0872a7575d6cfe74207117ff27cb0bc9094ce7a0d76ce9"
        + "76c93fb07ce38bbcae3eb0f274c7b0b5c2d7aa49759e8f15"
    static let neighbours =
        "bd73fabe22711d61b15884395872976eb794df11a6418efe81fa821789db04ed530bb71490f4629a421917b6d4262dd39c4fe99db0028ad9dc62"
        + "639e84df90da9dd2977c86dfc7515a0c36dde1f6c41e4d748b26cd846db36e2808a041ac1e256233c4f192eca0eb3f7587e6df58e082774aafad"
        + "2e03e30fc917fc1e0a376515d59c3038705002f90f729cda0cc4ad352adea4a0a6a0f2f521a863f717275507702f66b4f70a0b1668d77939af9d"
        + "e8e36e8458c3ec78581d4c6656b13614bf37e353ee59a037e09abd2ac59d58e160128fe6d74475e96ab27c9e073aa1882e572705b32c94f863ec"
        + "cd0ff9362d2b6d0bf76a35ac68d05b95fa2f36ffa02792e9"
    static let fifty =
        "bd73fabe22711d61b15884395872976eb794df11a6418efe81fa821789db04ed530bb71490f4629a421917b6d4262dd39c4fe99db0028ad9dc62"
        + "639e84df90ea930cab32a98ee4a34520212c75598ca98421267b6e90f444356af1d5663e840c3596eba926147406c0355e9c42ff076be290c705"
        + "3cf79e46f360311c1192e8a75f767ecc094e9749730f29f3c98f7aa5e4045b3438023b21939fe08a545628f169e6a2b11a13168a4bc6e0c28730"
        + "83302efcb245d0916de9817d539170bb4e5da6bab88d1f0a98088379fa4dd42ba9d442a6e5aae0f3192c90b92fbba5346ec8d43ea13e27b20874"
        + "8120e6d47c01ce6dd2636047edb60413cb99861f6a27efe1"
    static let round129 =
        "bd73fabe22711d61b15884395872976eb794df11a6418efe81fa821789db04ed530bb71490f4629a421917b6d4262dd39c4fe99db0028ad9dc62"
        + "639e84df90f4590d9216dc06dbccb8b54efc6fa1e21c67c518f7966949a7d5f1a307c3b3903ae16073a51e72cabfb5bb99c179c0bedc95539d61"
        + "9e88539cfb150457c631dde769ed5349c3d1ba9781b2571d4eefe178f46a91aee022bea61c1d62d2682f219154ce0ee9b26a9d550c767bfe2944"
        + "13f59e977ebfa24faf4233500cf45c273a74dc0d444d66316edd6202a61148fbcdb8ecffb0717ac65ad00045e627b4c61f5690f5d35d8bbfb8f1"
        + "3c74c2e56debec7be86dd23913e35eff62bfb8c700a4aad9"
}
