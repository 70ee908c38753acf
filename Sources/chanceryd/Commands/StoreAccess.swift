import ACME
import Foundation
import Store

extension Failure {
    /// The store's refusals with their exit codes.
    init(_ error: StoreError) {
        let status: ProcessStatus =
            switch error {
            case .busy, .shortage: .busy
            case .conflict, .closed: .failure
            case .notFound: .notFound
            case .full: .diskFull
            case .device: .inputOutput
            case .readOnly: .cannotWrite
            case .corrupt: .damagedDatabase
            case .inUse: .alreadyRunning
            case .missing: .noData
            case .newerSchema: .newerDatabase
            case .olderSchema: .unfinished
            case .broken: .software
            }
        self.init(status, error.description)
    }
}

/// Runs `body` on the folder's database beside a server that may be running.
func withStore(_ place: DataOptions, _ body: (AuthorityStore) async throws -> Void) async throws {
    let folder = DataFolder(path: try place.folder)
    try folder.requireComplete()
    do {
        let store = try await AuthorityStore.open(path: folder.database, mode: .tool, now: Date())
        do { try await body(store) } catch {
            await store.close()
            throw error
        }
        await store.close()
    } catch let error as StoreError {
        throw Failure(error)
    }
}

/// A record's name as the commands print it.
func recordID(_ text: String, of what: String) throws(Failure) -> RecordID {
    guard let id = RecordID(text: text) else {
        throw Failure(.usage, "\(text.printable(limit: 80)) is no name of \(what); take one from the list.")
    }
    return id
}

/// Hexadecimal, upper or lower case, with or without colons and `0x`, as openssl and browsers show it.
/// - Throws: `.usage`.
func serialNumber(_ text: String) throws(Failure) -> [UInt8] {
    var digits = text.lowercased().filter { $0 != ":" && $0 != " " }
    if digits.hasPrefix("0x") { digits.removeFirst(2) }
    if !digits.count.isMultiple(of: 2) { digits = "0" + digits }
    let characters = Array(digits)
    let bytes = stride(from: 0, to: characters.count, by: 2).compactMap { place in
        characters[place].isASCII && characters[place + 1].isASCII ? UInt8(String(characters[place...place + 1]), radix: 16) : nil
    }
    guard (1...21).contains(bytes.count), bytes.count * 2 == characters.count, !digits.contains("+"), !digits.contains("-") else {
        throw Failure(.usage, "\(text.printable(limit: 80)) is no serial number; write it in hexadecimal, such as 0A:1B:2C.")
    }
    return bytes
}

extension AuthorityStore {
    /// By serial among all issuers of the store, however many zero octets lead it.
    func certificate(serial given: [UInt8]) async throws -> StoredCertificate {
        let bare = Array(given.drop { $0 == 0 })
        let spellings = [bare, [0] + bare, [UInt8](repeating: 0, count: max(0, 16 - bare.count)) + bare]
        for issuer in try await issuers() {
            for serial in spellings {
                if let found = try await certificate(issuer: issuer.id, serial: serial) { return found }
            }
        }
        throw Failure(.notFound, "There is no certificate with this serial number; `chanceryd certificate list` shows all.")
    }
}
