import Foundation
import PKIX
import Signing
import TestSupport
import Testing

@Suite struct KeyFileTests {
    let folder: TemporaryFolder
    let passphrase = Passphrase("correct horse \u{fc}")

    init() throws { folder = try TemporaryFolder() }

    private func mode(_ path: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    @Test(arguments: [CertificateKey.Kind.p256, .p384, .rsa2048, .ed25519])
    func `an encrypted key is read back by us and by openssl`(kind: CertificateKey.Kind) async throws {
        let key = try CertificateKey(kind)
        let path = folder.path("key.pem")
        try KeyFile.write(key, to: path, passphrase: passphrase)
        #expect(try mode(path) == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["key.pem"])
        #expect(try KeyFile.read(path, passphrase: passphrase).publicKey == key.publicKey)
        let printed = try await Program.succeed(
            "openssl", ["pkey", "-in", path, "-passin", "env:SECRET", "-pubout"], environment: ["SECRET": "correct horse \u{fc}"])
        #expect(try PEM.decode(printed).first?.bytes == key.publicKey.der)
        let wrong = try await Program.run("openssl", ["pkey", "-in", path, "-passin", "pass:wrong", "-noout"])
        #expect(wrong.status != 0)
    }

    @Test(arguments: [
        ["-v2", "aes-256-cbc", "-scrypt"], ["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256"],
        ["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"], ["-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA512"],
        ["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA384", "-iter", "5000"],
    ])
    func `keys that openssl encrypts are read`(options: [String]) async throws {
        let key = try CertificateKey(.p256)
        let clear = try folder.write("clear.pem", key.pem)
        let path = folder.path("key.pem")
        try await Program.succeed("openssl", ["pkcs8", "-topk8", "-in", clear, "-out", path, "-passout", "pass:abc"] + options)
        #expect(try KeyFile.read(path, passphrase: Passphrase("abc")).publicKey == key.publicKey)
        #expect(throws: SigningError.wrongPassphrase(path: path)) { _ = try KeyFile.read(path, passphrase: Passphrase("abd")) }
        #expect(throws: SigningError.passphraseNeeded(path: path)) { _ = try KeyFile.read(path, passphrase: nil) }
    }

    @Test func `a wrong passphrase is one clear error, however the padding falls`() async throws {
        let key = try CertificateKey(.p256)
        let clear = try folder.write("clear.pem", key.pem)
        let path = folder.path("key.pem")
        // Few rounds, so that the one in 256 whose padding looks right is among the tries.
        try await Program.succeed(
            "openssl",
            ["pkcs8", "-topk8", "-in", clear, "-out", path, "-passout", "pass:abc", "-v2", "aes-256-cbc", "-iter", "1"])
        for attempt in 0..<1500 {
            #expect(throws: SigningError.wrongPassphrase(path: path)) {
                _ = try KeyFile.read(path, passphrase: Passphrase("\(attempt)"))
            }
        }
    }

    @Test func `an old cipher is refused by its name`() async throws {
        let clear = try folder.write("clear.pem", try CertificateKey(.p256).pem)
        let path = folder.path("key.pem")
        try await Program.succeed(
            "openssl", ["pkcs8", "-topk8", "-in", clear, "-out", path, "-passout", "pass:abc", "-v2", "des3"])
        let error = #expect(throws: SigningError.self) { _ = try KeyFile.read(path, passphrase: Passphrase("abc")) }
        #expect("\(try #require(error))".contains("AES-CBC"))
    }

    @Test func `a key is never written over another file, and nothing half-written stays`() throws {
        let path = try folder.write("key.pem", "mine")
        #expect(throws: SigningError.self) { try KeyFile.write(CertificateKey(.p256), to: path, passphrase: passphrase) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["key.pem"])
        #expect(throws: SigningError.self) {
            try KeyFile.write(CertificateKey(.p256), to: folder.path("no/such/folder/key.pem"), passphrase: passphrase)
        }
    }

    @Test func `a key in the clear replaces the one before, of mode 0600 whatever was there`() throws {
        let path = try folder.write("key.pem", "old", mode: 0o644)
        let key = try CertificateKey(.p256)
        try KeyFile.writeUnencrypted(key, to: path)
        #expect(try mode(path) == 0o600)
        #expect(try KeyFile.read(path, passphrase: nil).publicKey == key.publicKey)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["key.pem"])
    }

    @Test func `a signer takes no key that others can read`() throws {
        let path = folder.path("key.pem")
        try KeyFile.writeUnencrypted(CertificateKey(.p256), to: path)
        _ = try KeyFileSigner(path: path, passphrase: nil)
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
        #expect(throws: SigningError.exposed(path: path, mode: "0640")) { _ = try KeyFileSigner(path: path, passphrase: nil) }
    }

    @Test(arguments: ["", "rubbish", "-----BEGIN PRIVATE KEY-----\nAQ==\n-----END PRIVATE KEY-----\n"])
    func `what is no key is named as such`(text: String) throws {
        let path = try folder.write("key.pem", text)
        let error = #expect(throws: SigningError.self) { _ = try KeyFile.read(path, passphrase: nil) }
        guard case .unusable(path, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func `a missing file, a folder, and an endless file are refused`() throws {
        for path in [folder.path("none"), folder.path, "/dev/zero"] {
            let error = #expect(throws: SigningError.self) { _ = try KeyFile.read(path, passphrase: nil) }
            guard case .unreadable(path, _) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
        let long = try folder.write("long", String(repeating: "x", count: 70_000))
        #expect(throws: SigningError.self) { _ = try KeyFile.read(long, passphrase: nil) }
    }

    @Test func `an encrypted key cut anywhere, or with any element emptied, traps nothing`() async throws {
        let clear = try folder.write("clear.pem", try CertificateKey(.p256).pem)
        let path = folder.path("key.pem")
        try await Program.succeed(
            "openssl",
            ["pkcs8", "-topk8", "-in", clear, "-out", path, "-passout", "pass:abc", "-v2", "aes-256-cbc", "-iter", "1"])
        let der = try #require(PEM.decode(String(contentsOfFile: path, encoding: .utf8)).first).bytes
        for length in 0..<der.count {
            #expect(throws: EncryptedPrivateKey.Refused.self) {
                _ = try EncryptedPrivateKey.open(Array(der.prefix(length)), passphrase: Array("abc".utf8))
            }
        }
        for index in der.indices {
            var bad = der
            bad[index] = 0
            _ = try? EncryptedPrivateKey.open(bad, passphrase: Array("abc".utf8))
        }
    }

    @Test(arguments: KeyType.allCases) func `every type of authority key says its kind`(type: KeyType) {
        #expect(type.kind.rawValue == type.rawValue)
    }
}
