import Foundation
import PKIX
import Signing

/// Makes root and intermediate in a data folder.
///
/// Every step writes one file whole, and looks first whether the file is there: started again after a crash it goes on where it
/// stopped. The plan file is written first and removed last; while it stands nothing serves from the folder.
struct Ceremony {
    let folder: DataFolder
    let now: @Sendable () -> Date
    /// That many bytes of a CSPRNG, for serial numbers.
    let random: @Sendable (Int) -> [UInt8]
    /// Opens the root's key; nil: a generated one in the root's folder.
    var rootPassphrase: Passphrase?
    /// Opens the intermediate's key; nil: a generated one in the data folder.
    var intermediatePassphrase: Passphrase?

    /// What was made, for the person.
    struct Outcome {
        var made: [(path: String, what: String)] = []
        var rootPassphraseIsBeside = false
    }

    /// - Parameter plan: used when the folder is fresh; a set-up that is under way is completed by its own plan.
    /// - Throws: `Failure`; the folder can be tried again.
    func run(_ plan: CeremonyPlan) async throws -> Outcome {
        try makeFolder(folder.path)
        let state = try folder.state()
        guard state != .complete else { return Outcome() }
        let plan = state == .fresh ? plan : try CeremonyPlan(reading: folder.plan)
        try plan.check()
        if state == .fresh { try writeFile(plan.json, to: folder.plan, mode: 0o600) }

        var outcome = Outcome()
        if !exists(folder.settings) {
            try writeFile(Array(settingsTemplate(chosen: plan.settings).utf8), to: folder.settings, mode: 0o600)
            outcome.made.append((folder.settings, "settings, each explained"))
        }
        let root = try await makeRoot(plan, &outcome)
        try await makeIntermediate(plan, root, &outcome)
        unlink(folder.plan)
        try syncFolder(folder.path)
        return outcome
    }

    private func makeRoot(_ plan: CeremonyPlan, _ outcome: inout Outcome) async throws -> (Certificate509, KeyFileSigner) {
        try makeFolder(folder.rootFolder)
        let passphrase = try passphrase(given: rootPassphrase, file: folder.rootPassphrase)
        outcome.rootPassphraseIsBeside = rootPassphrase == nil
        let signer = try key(folder.rootKey, plan.keyType, passphrase)
        if exists(folder.root) { return (try readCertificate(folder.root), signer) }
        let now = self.now()
        let name = DistinguishedName(commonName: commonName(plan, "Root", signer.publicKey), organization: plan.organisation)
        let description = try CertificateDescription.root(
            name: name, key: signer.publicKey, serial: serial(), notBefore: now.addingTimeInterval(-3600),
            notAfter: CertificateDescription.notAfter(now.addingTimeInterval(-3600), lasting: plan.rootLifetime))
        let linted = try Linted(root: ToBeSigned(description, signedWith: signer.scheme), key: signer.publicKey, at: now)
        let made = try Certificate509(der: await linted.signed { try await signer.sign($0) })
        try writeFile(Array(made.pem.utf8), to: folder.root, mode: 0o644)
        outcome.made.append(
            (folder.root, "the root certificate, valid until \(day(made.notAfter)): for machines that shall trust this authority")
        )
        outcome.made.append(
            (folder.rootFolder, "the root's key, encrypted\(outcome.rootPassphraseIsBeside ? ", and its passphrase" : "")"))
        return (made, signer)
    }

    private func makeIntermediate(_ plan: CeremonyPlan, _ root: (Certificate509, KeyFileSigner), _ outcome: inout Outcome)
        async throws
    {
        let passphrase = try passphrase(given: intermediatePassphrase, file: folder.intermediatePassphrase)
        let signer = try key(folder.intermediateKey, plan.keyType, passphrase)
        if exists(folder.intermediate) { return }
        let now = self.now()
        let issuer = try IssuerDescription(root.0)
        let begin = max(now.addingTimeInterval(-3600), root.0.notBefore)
        let end = min(CertificateDescription.notAfter(begin, lasting: plan.intermediateLifetime), root.0.notAfter)
        let name = DistinguishedName(
            commonName: commonName(plan, "Intermediate", signer.publicKey), organization: plan.organisation)
        let description = try CertificateDescription.intermediate(
            name: name, key: signer.publicKey, issuer: issuer, serial: serial(), notBefore: begin, notAfter: end,
            permitted: plan.permitted.isEmpty ? nil : plan.permitted)
        let linted = try Linted(ToBeSigned(description, signedWith: issuer.scheme), as: .intermediate, issuer: issuer, at: now)
        let made = try Certificate509(der: await linted.signed { try await root.1.sign($0) })
        try writeFile(Array(made.pem.utf8), to: folder.intermediate, mode: 0o644)
        let limits = plan.permitted.isEmpty ? "" : ", for names below \(plan.permitted.joined(separator: ", ")) only"
        outcome.made.append((folder.intermediate, "the intermediate that signs\(limits), valid until \(day(made.notAfter))"))
        outcome.made.append((folder.intermediateKey, "its key, encrypted"))
        if intermediatePassphrase == nil { outcome.made.append((folder.intermediatePassphrase, "opens that key at every start")) }
    }

    /// The given passphrase, or the file's, made on first use.
    private func passphrase(given: Passphrase?, file: String) throws(Failure) -> Passphrase {
        if let given { return given }
        do throws(SigningError) {
            if !exists(file) { try Passphrase.generate().write(to: file) }
            return try PassphraseSource.file(file).passphrase(environment: [:])
        } catch {
            throw Failure(error)
        }
    }

    /// The key of the file, made on first use.
    private func key(_ path: String, _ type: String, _ passphrase: Passphrase) throws(Failure) -> KeyFileSigner {
        guard let type = KeyType(rawValue: type) else { throw Failure(.unfinished, "\(folder.plan) names an unknown key type.") }
        do throws(SigningError) {
            if !exists(path) {
                try KeyFile.write(KeyFile.generate(type), to: path, passphrase: passphrase)
            }
            return try KeyFileSigner(path: path, passphrase: passphrase)
        } catch {
            throw Failure(error)
        }
    }

    /// Two authorities of the same name stay apart in a trust store: the name ends with a part of the key identifier.
    private func commonName(_ plan: CeremonyPlan, _ role: String, _ key: PublicKeyInfo) -> String {
        let mark = key.keyIdentifier.prefix(3).map {
            String($0 >> 4, radix: 16, uppercase: true) + String($0 & 15, radix: 16, uppercase: true)
        }
        return "\(plan.name) \(role) \(mark.joined())"
    }

    private func serial() throws -> [UInt8] {
        while true {
            if let serial = CertificateDescription.serial(from: random(16)) { return serial }
        }
    }

    private func day(_ date: Date) -> String { String(seconds(date).prefix(10)) }
}

/// The one certificate of a PEM file.
/// - Throws: `.keyFile` when it is missing, too.
func readCertificate(_ path: String) throws(Failure) -> Certificate509 {
    let all = try readCertificates(path)
    guard let first = all.first, all.count == 1 else {
        throw Failure(.keyFile, "\(path) does not hold one certificate; put it back from a backup.")
    }
    return first
}

/// All certificates of a PEM file of at most 64 KiB.
/// - Throws: `.keyFile` when it is missing, too.
func readCertificates(_ path: String) throws(Failure) -> [Certificate509] {
    guard let bytes = try readFile(path, upTo: 1 << 16), let text = String(validating: bytes, as: UTF8.self) else {
        throw Failure(.keyFile, "\(path) is missing or no text; put it back from a backup.")
    }
    do throws(Unacceptable) {
        return try PEM.decode(text, maximum: 1 << 16, allowingText: true).map { (block) throws(Unacceptable) in
            guard block.label == "CERTIFICATE" else { throw Unacceptable(.malformed, "it holds a \(block.label)") }
            return try Certificate509(der: block.bytes)
        }
    } catch {
        throw Failure(.keyFile, "\(path) holds no usable certificate (\(error.reason)); put it back from a backup.")
    }
}
