internal import Foundation

/// The secret that opens a key file. It prints as nothing.
package struct Passphrase: Sendable, CustomStringConvertible, CustomReflectable {
    let bytes: [UInt8]

    /// - Parameter text: taken as UTF-8, not normalised.
    package init(_ text: String) { bytes = Array(text.utf8) }

    /// 256 bits of the system's CSPRNG as 64 hexadecimal digits, so that a person can carry it over.
    package static func generate() -> Passphrase {
        Passphrase((0..<32).map { _ in UInt8.random(in: 0...255) }.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
    }

    /// Writes it with a line's end to a new file of mode 0600.
    package func write(to path: String) throws(SigningError) {
        try AtomicFile.write(bytes + [0x0a], to: path, mode: 0o600, replacing: false)
    }

    package var description: String { "passphrase" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Where a passphrase is to be found.
package enum PassphraseSource: Sendable, Equatable, CustomStringConvertible {
    /// A file that only its owner may read; one line's end at its end does not count.
    case file(String)
    /// A variable of the environment.
    case environment(String)
    /// A systemd credential, a file of this name in `$CREDENTIALS_DIRECTORY`. systemd guards it, whatever its mode.
    case credential(String)

    /// - Parameter environment: the process's, handed in.
    /// - Throws: `.noPassphrase` where there is none or an empty one, `.exposed` for a file that others can read.
    package func passphrase(environment: [String: String]) throws(SigningError) -> Passphrase {
        let text: String
        switch self {
        case .file(let path):
            try AtomicFile.requirePrivate(path)
            text = try read(path)
        case .environment(let name):
            text = environment[name] ?? ""
        case .credential(let name):
            guard let folder = environment["CREDENTIALS_DIRECTORY"], !name.contains("/"), name != "..", !name.isEmpty else {
                throw .noPassphrase(source: description)
            }
            text = try read("\(folder)/\(name)")
        }
        guard !text.isEmpty else { throw .noPassphrase(source: description) }
        return Passphrase(text)
    }

    private func read(_ path: String) throws(SigningError) -> String {
        var bytes = try AtomicFile.read(path, maximum: 4096)
        if bytes.last == 0x0a { bytes.removeLast() }
        if bytes.last == 0x0d { bytes.removeLast() }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .noPassphrase(source: description) }
        return text
    }

    package var description: String {
        switch self {
        case .file(let path): "the file \(path)"
        case .environment(let name): "the environment variable \(name)"
        case .credential(let name): "the systemd credential \(name)"
        }
    }
}
