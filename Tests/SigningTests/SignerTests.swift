import Foundation
import PKIX
import Signing
import TestSupport
import Testing

@Suite struct SignerTests {
    /// The contract of every signer, on the one there is.
    @Test(arguments: [CertificateKey.Kind.p256, .p384, .rsa2048, .ed25519])
    func `a signer signs what its public key verifies by its scheme`(kind: CertificateKey.Kind) async throws {
        let signer: any Signer = KeyFileSigner(try CertificateKey(kind))
        for message in [[], [1, 2, 3], [UInt8](repeating: 7, count: 100_000)] as [[UInt8]] {
            let signature = try await signer.sign(message)
            #expect(signer.publicKey.verify(signature: signature, over: message, algorithm: signer.scheme))
            #expect(!signer.publicKey.verify(signature: signature, over: message + [0], algorithm: signer.scheme))
        }
        #expect(signer.scheme == .preferred(for: signer.publicKey.algorithm))
    }

    #if DEBUG
        @Test func `a witnessed signer writes down what it signs before it gives the signature out, or gives none`() async throws
        {
            let folder = try TemporaryFolder()
            let key = KeyFileSigner(try CertificateKey(.p256))
            let file = folder.path("witness")
            let signer = WitnessedSigner.around(key, ["CHANCERY_FAULT_WITNESS": file])
            _ = try await signer.sign([0x30, 0x03, 0xA0, 0x01, 0x00])
            _ = try await signer.sign([0x30, 0x81, 0x03, 0x02, 0x01, 0x01])
            let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
            #expect(lines.map { $0.split(separator: " ")[0] } == ["certificate", "list"])
            #expect(lines[0].hasSuffix(" 219fa9a74219e5f26d2fe0bc0f149af7d89245c54f52a1d2e49a7fa8952a0ef3"))
            let nowhere = WitnessedSigner.around(key, ["CHANCERY_FAULT_WITNESS": folder.path("none/witness")])
            await #expect(throws: SigningError.self) { _ = try await nowhere.sign([1, 2, 3]) }
            #expect(WitnessedSigner.around(key, [:]) is KeyFileSigner)
        }
    #endif
}

@Suite struct PassphraseTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// Whether two sources give the same secret: one opens what the other closed.
    private func opens(_ source: PassphraseSource, _ text: String, _ environment: [String: String] = [:]) throws -> Bool {
        let key = try CertificateKey(.ed25519)
        let path = folder.path(UUID().uuidString)
        try KeyFile.write(key, to: path, passphrase: Passphrase(text))
        return try KeyFile.read(path, passphrase: source.passphrase(environment: environment)).publicKey == key.publicKey
    }

    @Test(arguments: ["secret", "secret\n", "secret\r\n"])
    func `a file of the owner's gives its line`(content: String) throws {
        let file = try folder.write("p", content, mode: 0o600)
        #expect(try opens(.file(file), "secret"))
    }

    @Test func `spaces belong to a passphrase`() throws {
        #expect(try opens(.file(folder.write("p", " a b \n", mode: 0o400)), " a b "))
    }

    @Test(arguments: [0o640, 0o604, 0o644, 0o660, 0o620])
    func `a file that others can reach is refused`(mode: Int) throws {
        let file = try folder.write("p", "secret", mode: mode)
        #expect(throws: SigningError.exposed(path: file, mode: "0" + String(mode, radix: 8))) {
            _ = try PassphraseSource.file(file).passphrase(environment: [:])
        }
    }

    @Test func `environment and systemd credential`() throws {
        #expect(try opens(.environment("P"), "secret", ["P": "secret"]))
        try folder.write("issuer", "secret\n", mode: 0o640)
        #expect(try opens(.credential("issuer"), "secret", ["CREDENTIALS_DIRECTORY": folder.path]))
    }

    @Test func `no passphrase, an empty one, or a name that leaves the folder is refused and says where`() throws {
        let empty = try folder.write("p", "\n", mode: 0o600)
        let sources: [PassphraseSource] = [
            .environment("NONE"), .file(empty), .credential("../x"), .credential(".."), .credential(""), .credential("none"),
        ]
        for source in sources {
            #expect(throws: SigningError.self) { _ = try source.passphrase(environment: ["CREDENTIALS_DIRECTORY": folder.path]) }
        }
        #expect(throws: SigningError.noPassphrase(source: "the systemd credential x")) {
            _ = try PassphraseSource.credential("x").passphrase(environment: [:])
        }
    }

    @Test func `a passphrase prints as nothing, in errors neither`() throws {
        let passphrase = Passphrase("topsecret")
        #expect(!"\(passphrase) \(String(reflecting: passphrase))".contains("topsecret"))
        var dumped = ""
        dump(passphrase, to: &dumped)
        #expect(!dumped.contains("topsecret") && !dumped.contains("116"))
        let path = folder.path("key.pem")
        try KeyFile.write(CertificateKey(.p256), to: path, passphrase: Passphrase("other"))
        let error = #expect(throws: SigningError.self) { _ = try KeyFile.read(path, passphrase: passphrase) }
        #expect(!"\(String(describing: error))".contains("topsecret"))
    }

    @Test func `generated passphrases have 256 bits, are never the same, and are written for their owner only`() throws {
        let path = folder.path("p")
        let passphrase = Passphrase.generate()
        try passphrase.write(to: path)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.utf8.count == 65 && text.hasSuffix("\n"))
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
        let key = folder.path("key.pem")
        try KeyFile.write(CertificateKey(.p256), to: key, passphrase: passphrase)
        _ = try KeyFile.read(key, passphrase: PassphraseSource.file(path).passphrase(environment: [:]))
        #expect(throws: SigningError.self) { try Passphrase.generate().write(to: path) }
        #expect(throws: SigningError.wrongPassphrase(path: key)) { _ = try KeyFile.read(key, passphrase: .generate()) }
    }
}
