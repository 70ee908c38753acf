import ACME
import ACMEClient
import Foundation
import PKIX

#if canImport(Glibc)
    // Which of the two `stat` belongs to depends on what the compiler loads first.
    import CoreFoundation
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Looks at the store's files: owner, modes, room, and whether what lies there fits together. Changes nothing.
struct StoreExamination {
    let store: StoreFolder
    let now: Date
    private(set) var findings: [Finding] = []

    /// Below this many bytes, or files, a renewal may fail.
    private static let (leastBytes, leastFiles): (UInt64, UInt64) = (16 << 20, 200)

    init(_ store: StoreFolder, now: Date) { (self.store, self.now) = (store, now) }

    /// - Parameter lineages: those to look at.
    mutating func run(_ lineages: [Lineage]) {
        var status = stat()
        guard lstat(store.path, &status) == 0 else {
            if errno != ENOENT {
                add(
                    .trouble, store.path, "it cannot be looked at: \(Files.reason())",
                    "Run as its owner, or choose another with --store.")
            }
            return
        }
        let owner = status.st_uid
        if owner != geteuid() {
            add(
                .trouble, store.path, "it belongs to user \(owner), and this is user \(geteuid())",
                "Run as its owner: `sudo -u '#\(owner)' chancery …`.")
        }
        if status.st_mode & 0o077 != 0 {
            add(.warning, store.path, "others may enter it (mode \(Self.octal(status.st_mode)))", "chmod 700 \(store.path)")
        }
        if access(store.path, W_OK) != 0, owner == geteuid() {
            add(
                .trouble, store.path, "it cannot be written: \(Files.reason())",
                "Mount it writable, or give this user the right to write.")
        }
        room()
        lock()
        for ca in Files.names(in: "\(store.path)/accounts") { secret("\(store.path)/accounts/\(ca)/key.pem", owner) }
        for lineage in lineages { self.lineage(lineage, owner) }
    }

    private mutating func room() {
        var system = statvfs()
        guard statvfs(store.path, &system) == 0 else { return }
        // ST_RDONLY
        if system.f_flag & 1 != 0 {
            add(.trouble, store.path, "its file system is mounted read-only", "Mount it writable: nothing can be renewed.")
        }
        let free = UInt64(system.f_bavail) * UInt64(system.f_frsize)
        if free < Self.leastBytes {
            add(
                .trouble, store.path, "its disk has \(free >> 20) MiB left",
                "Make room: a renewal writes some 50 KiB for each certificate.")
        }
        // Some file systems count no files.
        if system.f_files > 0, system.f_favail < Self.leastFiles {
            add(
                .trouble, store.path, "its disk has room for \(system.f_favail) more files",
                "Remove files: a renewal makes seven.")
        }
    }

    private mutating func lock() {
        let file = open("\(store.path)/lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { return }
        defer { close(file) }
        if flock(file, LOCK_SH | LOCK_NB) == 0 {
            flock(file, LOCK_UN)
        } else if errno == EWOULDBLOCK {
            add(.note, "\(store.path)/lock", "another chancery works on the store now", nil)
        }
    }

    /// A file that nobody else may read.
    private mutating func secret(_ path: String, _ owner: uid_t) {
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        if status.st_uid != owner, status.st_uid != 0 {
            add(.trouble, path, "it belongs to user \(status.st_uid), and the store to user \(owner)", "chown \(owner) \(path)")
        }
        if status.st_mode & 0o007 != 0 {
            add(
                .trouble, path, "everybody may read this key (mode \(Self.octal(status.st_mode)))",
                "chmod 600 \(path), then get a new certificate: `chancery renew NAME --force`; for an account: `chancery account rollover`."
            )
        } else if status.st_mode & 0o070 != 0 {
            add(
                .warning, path, "its group may read this key (mode \(Self.octal(status.st_mode)))",
                "chmod 600 \(path), unless that is meant.")
        }
    }

    private mutating func lineage(_ lineage: Lineage, _ owner: uid_t) {
        let folder = store.live(lineage.name)
        for file in ["privkey.pem", "combined.pem"] { secret("\(folder)/\(file)", owner) }
        if let hook = lineage.deployHook {
            do throws(AgentError) { try HookProgram.check(hook) } catch {
                add(.trouble, hook, error.message, "Put the program in place.")
            }
        }
        for target in lineage.targets ?? [] {
            do throws(AgentError) { _ = try InstallTarget(target) } catch {
                add(.trouble, lineage.name, error.message, "Issue it again with other --install.")
            }
        }
        let certificate: Certificate509
        do {
            let text = try store.read("cert.pem", of: lineage.name)
            guard let block = try PEM.decode(text).first else { return }
            certificate = try Certificate509(der: block.bytes)
            let key = try CertificateKey(pem: try store.read("privkey.pem", of: lineage.name))
            if key.publicKey.der != certificate.publicKey {
                add(.trouble, folder, "its key and its certificate are no pair", "`chancery renew \(lineage.name) --force`")
            }
        } catch {
            let why = (error as? AgentError)?.message ?? (error as? Unacceptable)?.reason ?? "\(error)"
            add(
                .trouble, folder, "its files cannot be used: \(why)",
                "`chancery renew \(lineage.name) --force`, or put them back from a backup.")
            return
        }
        if certificate.serialText != lineage.serial {
            add(
                .warning, folder, "cert.pem is another certificate than lineage.json says",
                "`chancery renew \(lineage.name) --force`")
        }
        let left = certificate.notAfter.timeIntervalSince(now)
        if left <= 0 {
            add(
                .trouble, lineage.name, "it expired at \(RFC3339.string(certificate.notAfter))",
                "`chancery renew \(lineage.name)`")
        } else if left < lineage.lifetime * RenewalTime.emergencyShare {
            add(
                .trouble, lineage.name, "it expires at \(RFC3339.string(certificate.notAfter)), in \(Forecast.rough(left))",
                "`chancery renew \(lineage.name)`; what is found below may say why it was not renewed.")
        }
    }

    private mutating func add(_ severity: Finding.Severity, _ place: String, _ text: String, _ change: String?) {
        findings.append(Finding(severity, .store, place, text, change: change))
    }

    private static func octal(_ mode: mode_t) -> String { String(mode & 0o7777, radix: 8) }
}
