import ACME
package import Foundation

/// A move of certificates from one CA to another, as it was decided; `switch.json`. How each certificate fared is a `SwitchEntry` of its own,
/// so that a step writes a few hundred bytes, however many certificates there are.
package struct SwitchRecord: Sendable, Equatable, Codable {
    package enum State: String, Sendable, Codable {
        /// It goes on, or was broken off: the same command goes on with it.
        case running
        /// By a person, or since the CA asked to wait.
        case paused
        /// Too much failed.
        case stopped
        case finished
        /// A person ended it where it was.
        case abandoned
    }

    /// The form of this file.
    package var version = 1
    /// Of the start: `20261127T150000Z`; also the name of the report's file.
    package var id: String
    /// Directory URLs.
    package var from: String
    package var to: String
    /// Certificates, in the order in which they are moved.
    package var names: [String]
    /// How many of them each stage has.
    package var stages: [Int]
    /// How many certificates may fail after the first stage before it stops; in the first stage none may.
    package var allowance: Int
    package var keyType: KeyType?
    package var preferredChain: String?
    package var preflight: Bool
    package var state: State
    /// Why it does not go on. Safe for a terminal.
    package var reason: String?
    /// The CA asked not to be asked before this.
    package var until: Date?
    package var began: Date
    package var ended: Date?

    /// Whether there is something left to do.
    package var isOpen: Bool { [.running, .paused, .stopped].contains(state) }

    /// The stage of each certificate, from 0.
    var slices: [ArraySlice<String>] {
        var (slices, start) = ([ArraySlice<String>](), 0)
        for size in stages {
            let end = min(start + max(size, 0), names.count)
            slices.append(names[start..<end])
            start = end
        }
        return slices
    }
}

/// How one certificate fared in a switch; `state/NAME/switch.json`. Written before anything is asked of the new CA, so that the old serial
/// survives whatever happens then.
package struct SwitchEntry: Sendable, Equatable, Codable {
    package enum State: String, Sendable, Codable {
        /// Not yet begun, or broken off.
        case waiting
        /// The new CA's certificate was seen at every place.
        case verified
        /// The new CA's certificate is installed; there is no place at which it could be seen.
        case unverified
        /// It failed, and what was served before is served.
        case failed
        /// It was revoked, removed or moved elsewhere in the meantime.
        case gone
    }

    /// Of the switch.
    package var id: String
    package var state = State.waiting
    /// Directory URLs.
    package var oldCA: String
    package var newCA: String?
    /// Upper-case hexadecimal.
    package var oldSerial: String
    package var newSerial: String?
    package var began: Date
    package var ended: Date?
    package var attempts = 0
    /// Safe for a terminal.
    package var reason: String?

    var isDone: Bool { [.verified, .unverified, .gone].contains(state) }
}

extension StoreFolder {
    /// - Returns: nil if nothing was ever switched.
    func switchRecord() throws(AgentError) -> SwitchRecord? {
        try read(SwitchRecord.self, from: "\(path)/switch.json", maximum: 64 << 20)
    }

    func save(_ record: SwitchRecord) throws(AgentError) {
        try Files.makeFolder(path)
        try write(record, to: "\(path)/switch.json")
    }

    /// - Returns: nil if the certificate has not begun in this switch, or what is kept cannot be read.
    func switchEntry(_ name: String, of id: String) -> SwitchEntry? {
        let found = (try? read(SwitchEntry.self, from: "\(state(name))/switch.json")) ?? nil
        return found?.id == id ? found : nil
    }

    func save(_ entry: SwitchEntry, of name: String) throws(AgentError) {
        try Files.makeFolder(state(name))
        try write(entry, to: "\(state(name))/switch.json")
    }
}
