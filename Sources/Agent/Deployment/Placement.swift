import ACMEClient
import Foundation
import PKIX

#if canImport(Glibc)
    import CoreFoundation
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The files of one deployment: the link `served/NAME`, and copies elsewhere. All new files lie ready before the first one is put in
/// place, each by one rename, and what was there lies ready to come back, beside it and under a fixed name: a deployment that a crash
/// broke off is taken up by the next one, which goes back to what was there before the first.
struct Placement {
    private struct Staged {
        let path: String
        /// `.FILE.chancery-new`, beside it, with its owner, group and mode.
        let new: String
        /// `.FILE.chancery-old`: what was there before; nil if nothing was.
        let old: String?
    }

    private let link: String
    /// Where the link pointed before; nil if there was none.
    let before: String?
    private let target: String
    private var copies: [Staged] = []

    /// Whether there is something to go back to.
    var hasBefore: Bool { before != nil || copies.contains { $0.old != nil } }

    /// Writes everything, and changes nothing that is in use.
    init(_ targets: [InstallTarget], of lineage: Lineage, in store: StoreFolder) throws(AgentError) {
        guard let live = Files.target(of: store.live(lineage.name)) else {
            throw .failed("\(store.live(lineage.name)) is no link.")
        }
        try Files.makeFolder("\(store.path)/served")
        link = store.served(lineage.name)
        let last = store.deployment(lineage.name)
        let isOpen = last?.isOpen ?? false
        before = isOpen ? last?.before : Files.target(of: link)
        target = live
        do throws(AgentError) {
            for copy in targets.flatMap(\.installer.copies) {
                let bytes = try Self.bytes(copy.content, of: lineage.name, in: store)
                copies.append(try Self.stage(bytes, copy, keepsOld: isOpen))
            }
        } catch {
            removeNew()
            // What was kept by this attempt; what an earlier one kept is still needed.
            if !isOpen { removeOld() }
            throw error
        }
    }

    func place() throws(AgentError) {
        try Files.link(link, to: target)
        for copy in copies { try Files.move(copy.new, to: copy.path) }
    }

    /// As it was; what was not there before stays. One failure does not stop the rest.
    /// - Throws: `failed`, naming what is not as it was and where its old content lies, which stays there.
    func putBack() throws(AgentError) {
        removeNew()
        var failures: [String] = []
        if let before {
            do throws(AgentError) { try Files.link(link, to: before) } catch { failures.append(error.message) }
        }
        for case let (path, old?) in copies.map({ ($0.path, $0.old) }) {
            do throws(AgentError) { try Files.move(old, to: path) } catch {
                failures.append("\(error.message) Its old content is in \(old).")
            }
        }
        guard failures.isEmpty else { throw .failed(failures.joined(separator: " ")) }
    }

    /// There is no going back any more.
    func finish() {
        removeNew()
        removeOld()
    }

    private func removeNew() { for copy in copies { unlink(copy.new) } }
    private func removeOld() { for case let old? in copies.map(\.old) { unlink(old) } }

    private static func bytes(_ content: Installer.Copy.Content, of name: String, in store: StoreFolder) throws(AgentError)
        -> [UInt8]
    {
        func file(_ file: String) throws(AgentError) -> [UInt8] { Array(try store.read(file, of: name).utf8) }
        return switch content {
        case .key: try file("privkey.pem")
        case .certificate: try file("cert.pem")
        case .chain: try file("chain.pem")
        case .fullchain: try file("fullchain.pem")
        case .combined: try file("privkey.pem") + file("fullchain.pem")
        case .pkcs12(let password): try archive(name, in: store, passwordFile: password)
        }
    }

    private static func archive(_ name: String, in store: StoreFolder, passwordFile: String) throws(AgentError) -> [UInt8] {
        guard let line = try Files.read(passwordFile)?.split(separator: 0x0A).first, !line.isEmpty else {
            throw .needsPerson("\(passwordFile) holds no password.")
        }
        let (key, chain) = (try store.read("privkey.pem", of: name), try store.read("fullchain.pem", of: name))
        do {
            return try PKCS12.make(
                key: CertificateKey(pem: key), chain: try PEM.decode(chain).map(\.bytes), name: name,
                password: String(decoding: line, as: UTF8.self))
        } catch { throw .failed("No PKCS#12 can be made of \(store.live(name)): \(error)") }
    }

    /// - Parameter keepsOld: whether what an earlier deployment kept is still what to go back to.
    private static func stage(_ bytes: [UInt8], _ copy: Installer.Copy, keepsOld: Bool) throws(AgentError) -> Staged {
        let folder = (copy.path as NSString).deletingLastPathComponent
        let file = (copy.path as NSString).lastPathComponent
        let (new, old) = ("\(folder)/.\(file).chancery-new", "\(folder)/.\(file).chancery-old")
        var status = stat()
        guard stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw .needsPerson("The folder \(folder) is not there. Make it, open to the user that the server runs as.")
        }
        unlink(new)
        if !keepsOld { unlink(old) }
        let isKept = lstat(old, &status) == 0
        let isThere = isKept || lstat(copy.path, &status) == 0
        guard !isThere || status.st_mode & S_IFMT == S_IFREG else {
            throw .needsPerson("\(copy.path) is no regular file, so that it is not replaced.")
        }
        // Only root can give files away.
        var owner: (user: uid_t, group: gid_t)?
        if geteuid() == 0 {
            if isThere {
                owner = (status.st_uid, status.st_gid)
            } else if let name = copy.owner {
                owner = try account(name, for: new)
            }
        }
        // Never more open than the file that it replaces.
        try Files.create(bytes, at: new, mode: isThere ? UInt32(status.st_mode & 0o777) : copy.mode, owner: owner)
        // A second name for the file that is there: nothing is moved away, and it comes back as it is, ACL and all.
        guard !isThere || isKept || keepName(copy.path, old) == 0 else {
            let why = Files.reason()
            unlink(new)
            throw .failed("Cannot keep \(copy.path) for the case of a failure: \(why).")
        }
        return Staged(path: copy.path, new: new, old: isThere ? old : nil)
    }

    /// - Parameter owner: `USER` or `USER.GROUP`; the user's own group where none is said.
    private static func account(_ owner: String, for path: String) throws(AgentError) -> (user: uid_t, group: gid_t) {
        let parts = owner.split(separator: ".", maxSplits: 1).map(String.init)
        guard let user = parts.first, let entry = getpwnam(user) else {
            throw .needsPerson("There is no user \(owner.sanitized), whom \(path) is to belong to.")
        }
        let (number, own) = (entry.pointee.pw_uid, entry.pointee.pw_gid)
        guard parts.count == 2 else { return (number, own) }
        guard let found = getgrnam(parts[1]) else { throw .needsPerson("There is no group \(parts[1].sanitized).") }
        return (number, found.pointee.gr_gid)
    }
}

/// A second name for a file. Outside of `Placement`, whose own `link` would hide the system's.
private func keepName(_ path: String, _ second: String) -> Int32 { link(path, second) }
