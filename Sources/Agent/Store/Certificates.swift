import ACME
import Foundation

/// The files of one certificate, as they are to be written.
struct CertificateFiles: Sendable {
    /// Secret.
    var privateKey: String
    var certificate: String
    var chain: String
    var lineage: Lineage
}

extension StoreFolder {
    /// Steps of an installation, so that a test can stop after each.
    enum InstallStep: CaseIterable, Sendable { case filesWritten, versionNamed, linked, pruned }

    /// The names of all lineages, sorted.
    /// - Throws: if the folder is closed to us, which would look like an empty one.
    func names() throws(AgentError) -> [String] {
        try Files.checkReadable(path)
        try Files.checkReadable("\(path)/live")
        return Files.names(in: "\(path)/live").filter { !$0.hasPrefix(".") }
    }

    /// All lineages by name. One that cannot be read is an error in its place.
    func lineages() -> [(name: String, lineage: Result<Lineage, AgentError>)] {
        Files.names(in: "\(path)/live").filter { !$0.hasPrefix(".") }.map { name in
            do throws(AgentError) {
                guard let lineage = try lineage(name) else { throw .failed("\(live(name)) has no lineage.json.") }
                return (name, .success(lineage))
            } catch { return (name, .failure(error)) }
        }
    }

    /// - Returns: nil if there is none of this name.
    func lineage(_ name: String) throws(AgentError) -> Lineage? {
        guard isSafe(name) else { throw .needsPerson("\(name.debugDescription) is no name of a certificate.") }
        let file = "\(live(name))/lineage.json"
        guard let bytes = try Files.read(file) else { return nil }
        guard let lineage = try? JSONDecoder.acme.decode(Lineage.self, from: Data(bytes)), lineage.name == name else {
            throw .failed("\(file) cannot be read: it is damaged or of a newer version.")
        }
        return lineage
    }

    /// A file of a live certificate.
    func read(_ file: String, of name: String) throws(AgentError) -> String {
        guard isSafe(name), let bytes = try Files.read("\(live(name))/\(file)") else {
            throw .failed("\(live(name))/\(file) is missing.")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Makes these files what is live, by one rename after all of them are on disk; older versions stay in `archive`, five of
    /// them. A crash at any instant leaves the old files or the new ones, whole.
    /// - Parameter after: called after each step.
    func install(_ files: CertificateFiles, after: (InstallStep) throws(AgentError) -> Void = { _ throws(AgentError) in })
        throws(AgentError)
    {
        let name = files.lineage.name
        guard isSafe(name) else { throw .failed("\(name.debugDescription) is no name of a certificate.") }
        let folder = archive(name)
        try Files.makeFolder(folder)
        try Files.makeFolder("\(path)/live")
        for left in Files.names(in: folder) where left.hasPrefix(Files.temporaryPrefix) { Files.remove("\(folder)/\(left)") }

        let draft = "\(folder)/\(Files.temporaryPrefix)\(UInt64.random(in: .min ... .max))"
        try Files.makeFolder(draft)
        try Files.create(files.privateKey.utf8, at: "\(draft)/privkey.pem", mode: 0o600)
        try Files.create(files.certificate.utf8, at: "\(draft)/cert.pem", mode: 0o644)
        try Files.create(files.chain.utf8, at: "\(draft)/chain.pem", mode: 0o644)
        try Files.create((files.certificate + files.chain).utf8, at: "\(draft)/fullchain.pem", mode: 0o644)
        let combined = files.privateKey + files.certificate + files.chain
        try Files.create(combined.utf8, at: "\(draft)/combined.pem", mode: 0o600)
        try Files.create(encoded(files.lineage), at: "\(draft)/lineage.json", mode: 0o600)
        try Files.sync(draft)
        try after(.filesWritten)

        let version = (versions(name).last ?? 0) + 1
        try Files.move(draft, to: "\(folder)/\(version)")
        try after(.versionNamed)
        try Files.link(live(name), to: "../archive/\(name)/\(version)")
        try after(.linked)
        let inUse = [live(name), served(name)].compactMap { Files.target(of: $0) } + [deployment(name)?.before].compactMap { $0 }
        for old in versions(name).dropLast(5) where !inUse.contains(where: { $0.hasSuffix("/\(old)") }) {
            Files.remove("\(folder)/\(old)")
        }
        try after(.pruned)
    }

    /// Rewrites what is known about a live certificate.
    func update(_ lineage: Lineage) throws(AgentError) {
        try Files.replace("\(live(lineage.name))/lineage.json", with: encoded(lineage), mode: 0o600)
    }

    private func versions(_ name: String) -> [Int] { Files.names(in: archive(name)).compactMap { Int($0) }.sorted() }

    private func encoded(_ value: some Encodable) throws(AgentError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = JSONEncoder.acme.dateEncodingStrategy
        do { return Array(try encoder.encode(value)) + [0x0A] } catch { throw .failed("Cannot write JSON: \(error)") }
    }

    /// A name that a path may end with: what `DomainName` lets through.
    private func isSafe(_ name: String) -> Bool {
        !name.isEmpty && !name.hasPrefix(".") && name.utf8.count <= 253
            && name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D || $0 == 0x2E }
    }

    // MARK: Accounts and settings

    func write(_ value: some Encodable, to path: String) throws(AgentError) {
        try Files.replace(path, with: encoded(value), mode: 0o600)
    }

    func read<Value: Decodable>(_ type: Value.Type, from path: String, maximum: Int = 1 << 20) throws(AgentError) -> Value? {
        guard let bytes = try Files.read(path, maximum: maximum) else { return nil }
        guard let value = try? JSONDecoder.acme.decode(type, from: Data(bytes)) else {
            throw .failed("\(path) cannot be read: it is damaged or of a newer version.")
        }
        return value
    }
}
