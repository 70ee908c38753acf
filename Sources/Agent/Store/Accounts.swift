import ACME
import Foundation

/// What is kept of an account beside its key.
struct AccountRecord: Sendable, Equatable, Codable {
    /// The CA's directory URL.
    var ca: String
    /// Absent from the moment the key is made until the CA answered.
    var url: String?
    var contacts: [String]
    /// The URL of the terms that a person agreed to here; nil where the CA had none.
    var termsAgreed: String?
    var deactivated: Date?
}

/// What is kept of CAs.
struct SettingsRecord: Sendable, Equatable, Codable {
    struct Named: Sendable, Equatable, Codable {
        var name: String
        var directory: String
    }
    /// Directory URL.
    var standard: String?
    var authorities: [Named] = []
    /// Directory URLs of the CAs that renewals turn to, in order, where a certificate has no pool of its own.
    var pool: [String]?
}

extension StoreFolder {
    func settings() throws(AgentError) -> SettingsRecord {
        try read(SettingsRecord.self, from: "\(path)/settings.json") ?? SettingsRecord()
    }

    func save(_ settings: SettingsRecord) throws(AgentError) {
        try Files.makeFolder(path)
        try write(settings, to: "\(path)/settings.json")
    }

    func accountRecord(_ ca: String) throws(AgentError) -> AccountRecord? {
        try read(AccountRecord.self, from: "\(account(ca))/account.json")
    }

    func save(_ record: AccountRecord) throws(AgentError) {
        try Files.makeFolder(account(record.ca))
        try write(record, to: "\(account(record.ca))/account.json")
    }

    /// Which of an account's key files; `next` stands beside the current one while the key is rolled over.
    enum KeyFile: String { case current = "key.pem", next = "next-key.pem" }

    func accountKey(_ ca: String, _ file: KeyFile = .current) throws(AgentError) -> SigningKey? {
        let path = "\(account(ca))/\(file.rawValue)"
        guard let bytes = try Files.read(path) else { return nil }
        do { return try SigningKey(pem: String(decoding: bytes, as: UTF8.self)) } catch {
            throw .failed("\(path) is no account key: \(error.reason)")
        }
    }

    func save(_ key: SigningKey, _ file: KeyFile = .current, of ca: String) throws(AgentError) {
        try Files.makeFolder(account(ca))
        try Files.replace("\(account(ca))/\(file.rawValue)", with: key.pem.utf8, mode: 0o600)
    }

    /// The roll-over is done: by one rename the next key is the current one.
    func adoptNextKey(_ ca: String) throws(AgentError) {
        try Files.move("\(account(ca))/\(KeyFile.next.rawValue)", to: "\(account(ca))/\(KeyFile.current.rawValue)")
    }

    func dropNextKey(_ ca: String) { Files.remove("\(account(ca))/\(KeyFile.next.rawValue)") }

    /// PEM, if `--ca-root` was given once.
    func root(_ ca: String) throws(AgentError) -> String? {
        try Files.read("\(account(ca))/root.pem").map { String(decoding: $0, as: UTF8.self) }
    }

    func save(root: String, of ca: String) throws(AgentError) {
        try Files.makeFolder(account(ca))
        try Files.replace("\(account(ca))/root.pem", with: root.utf8, mode: 0o644)
    }
}
