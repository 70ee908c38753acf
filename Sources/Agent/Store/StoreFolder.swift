import ACME
import Crypto
import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// All state of the client, below one folder of mode 0700:
/// ```
/// settings.json                 the CA that is used by default, and names given to CAs
/// accounts/CA/                  key.pem (0600), account.json, health.json, ledger.json, ledger/DOMAIN.json, and root.pem, the CA's
///                               root if it was given
/// archive/NAME/N/               privkey.pem, combined.pem (0600), cert.pem, chain.pem, fullchain.pem, lineage.json, which alone changes
/// live/NAME -> ../archive/NAME/N
/// served/NAME -> ../archive/NAME/N    the version that servers were told of, where there are targets
/// state/NAME/                   failures.json, deploy-failures.json, renewal-info.json, deployment.json, switch.json
/// switch.json                   the last move from one CA to another
/// reports/                      signed reports of such moves, and the key that signs them (0600)
/// lock, switch.lock
/// ```
/// What is live changes by renaming that one symbolic link: the old pair or the new pair, at any instant.
package struct StoreFolder: Sendable {
    package let path: String

    /// - Parameter path: made absolute; made as a folder when something is first written.
    package init(_ path: String) { self.path = absolutePath(path) }

    /// `/etc/chancery` for root, else `$XDG_CONFIG_HOME/chancery` or `~/.config/chancery`.
    package static func standard(environment: [String: String] = ProcessInfo.processInfo.environment) -> StoreFolder {
        if getuid() == 0 { return StoreFolder("/etc/chancery") }
        if let folder = environment["XDG_CONFIG_HOME"], folder.hasPrefix("/") { return StoreFolder("\(folder)/chancery") }
        return StoreFolder("\(environment["HOME"] ?? NSHomeDirectory())/.config/chancery")
    }

    /// `/path/of/store/live/example.com`
    package func live(_ name: String) -> String { "\(path)/live/\(name)" }

    func archive(_ name: String) -> String { "\(path)/archive/\(name)" }

    /// One folder per directory URL: host and path in safe characters, and a digest, since that mapping loses something.
    func account(_ ca: String) -> String {
        let digest = SHA256.hash(data: Data(ca.utf8)).prefix(4).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let readable = ca.dropFirst("https://".count).prefix(80).map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
        return "\(path)/accounts/\(String(readable))-\(digest)"
    }
}

/// As seen from the root, without empty and `.` components; `..` and symbolic links stay.
package func absolutePath(_ path: String) -> String {
    let whole = path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
    return "/" + whole.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
}

/// The right to change a store. Given back when the value is released, or the process ends.
final class StoreLock: Sendable {
    private let file: Int32

    private init(_ file: Int32) { self.file = file }
    deinit {
        // A program that is just being started has a copy of every open file for a moment, and would hold the lock on.
        flock(file, LOCK_UN)
        close(file)
    }

    /// - Parameter name: the file that stands for the right; another than `lock` for one that is held for long beside it.
    /// - Returns: nil if another holds it.
    static func take(_ store: StoreFolder, _ name: String = "lock") throws(AgentError) -> StoreLock? {
        try Files.makeFolder(store.path)
        let path = "\(store.path)/\(name)"
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else {
            throw .failed(
                "Cannot open \(path): \(Files.reason()). Run as the store's owner, or choose another folder with --store.")
        }
        while flock(file, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            let (code, why) = (errno, Files.reason())
            close(file)
            guard code == EWOULDBLOCK else { throw .failed("Cannot lock \(path): \(why)") }
            return nil
        }
        return StoreLock(file)
    }
}
