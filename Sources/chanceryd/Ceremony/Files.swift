import Foundation
import Signing

/// - Returns: nil when there is no such file.
/// - Throws: `.notPermitted`, `.inputOutput` and the like, also when it is larger than `limit` bytes or no plain file.
func readFile(_ path: String, upTo limit: Int) throws(Failure) -> [UInt8]? {
    guard exists(path) else { return nil }
    do throws(SigningError) { return try AtomicFile.read(path, maximum: limit) } catch { throw Failure(error) }
}

/// Whole or not at all, also across a power cut, with its mode from the first byte.
func writeFile(_ bytes: [UInt8], to path: String, mode: UInt16) throws(Failure) {
    do throws(SigningError) { try AtomicFile.write(bytes, to: path, mode: mode) } catch { throw Failure(error) }
}

extension Failure {
    /// A key's or a file's refusal with its exit code.
    init(_ error: SigningError) {
        switch error {
        case .unreadable(let path, let reason): self = Self.file(reason, "read", path)
        case .unwritable(let path, let reason): self = Self.file(reason, "write", path)
        case .exposed(let path, _): self.init(.openPassphrase, "\(path) can be read by others; run chmod 600 on it.")
        case .wrongPassphrase(let path):
            self.init(
                .wrongPassphrase,
                "The passphrase does not open \(path); correct passphrase-file, passphrase-env or passphrase-credential.")
        case .passphraseNeeded(let path):
            self.init(.wrongPassphrase, "The key in \(path) is encrypted and there is no passphrase for it.")
        case .noPassphrase(let source):
            self.init(.wrongPassphrase, "There is no passphrase in \(source); put it there, or name another place.")
        case .unusable(let path, let reason):
            self.init(.keyFile, "\(path) holds no usable key (\(reason)); put it back from a backup.")
        case .failed(let reason): self.init(.software, "The key did not sign: \(reason).")
        }
    }

    /// The rooms below tell the system's reason as its text.
    private static func file(_ reason: String, _ verb: String, _ path: String) -> Failure {
        let codes = [ENOSPC, EDQUOT, EACCES, EPERM, EROFS, ENOTDIR, ENOENT, EISDIR, EIO]
        if let code = codes.first(where: { String(cString: strerror($0)) == reason }) { return fileFailure(code, verb, path) }
        return Failure(.inputOutput, "\(path) could not be used (\(verb): \(reason)).")
    }
}

/// Makes the folder (its parents must exist) with mode 0700. One that is there keeps its mode unless others may enter it: a folder
/// with keys is closed.
func makeFolder(_ path: String) throws(Failure) {
    if mkdir(path, 0o700) != 0 {
        let code = errno
        guard code == EEXIST else {
            if code == ENOENT {
                throw Failure(.noData, "\(path) cannot be made: the folder above it is missing; make it, or change --data.")
            }
            throw fileFailure(code, "make", path)
        }
    }
    var facts = stat()
    guard stat(path, &facts) == 0 else { throw fileFailure(errno, "open", path) }
    guard facts.st_mode & S_IFMT == S_IFDIR else {
        throw Failure(.noData, "\(path) is no folder; change --data or move the file away.")
    }
    guard access(path, R_OK | W_OK | X_OK) == 0 else {
        throw Failure(.cannotWrite, "\(path) cannot be written by this user (\(getuid())); change its owner, or change --data.")
    }
    if facts.st_mode & 0o077 != 0, chmod(path, facts.st_mode & 0o700) != 0 {
        throw Failure(.cannotWrite, "\(path) is open to other users and belongs to another; run chmod 700 on it.")
    }
}

func syncFolder(_ path: String) throws(Failure) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw fileFailure(errno, "open", path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw fileFailure(errno, "sync", path) }
}

func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

/// The system's refusal as a sentence that names what to change.
func fileFailure(_ code: Int32, _ verb: String, _ path: String) -> Failure {
    switch code {
    case ENOSPC, EDQUOT:
        Failure(.diskFull, "The disk is full: \(path) could not be written. Make room and start again; nothing is lost.")
    case EACCES, EPERM:
        verb == "read"
            ? Failure(.notPermitted, "\(path) may not be read by this user (\(getuid())); change its owner or mode.")
            : Failure(
                .cannotWrite, "\(path) cannot be written by this user (\(getuid())); change the folder's owner, or change --data."
            )
    case EROFS: Failure(.cannotWrite, "\(path) lies on a read-only file system; change --data.")
    case ENOTDIR: Failure(.noData, "A part of \(path) is no folder; change --data.")
    case ENOENT: Failure(.noData, "\(path) does not exist; change the path or make it.")
    default: Failure(.inputOutput, "\(path) could not be used (\(verb): \(String(cString: strerror(code)))); look at the disk.")
    }
}

/// The lock of a data folder: held by the one process that serves it or sets it up, freed by the system when that ends.
struct FolderLock: ~Copyable {
    private let descriptor: Int32

    /// - Throws: `.alreadyRunning`, with the other's process number when it is known.
    init(_ folder: String) throws(Failure) {
        let path = "\(folder)/chanceryd.lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw fileFailure(errno, "write", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            var buffer = [UInt8](repeating: 0, count: 20)
            let count = pread(descriptor, &buffer, buffer.count, 0)
            close(descriptor)
            let other = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self).trimmingCharacters(
                in: .whitespacesAndNewlines)
            let who = Int32(other).map { " (process \($0))" } ?? ""
            throw Failure(
                .alreadyRunning, "Another chanceryd\(who) holds \(folder); stop it first, or choose another folder with --data.")
        }
        ftruncate(descriptor, 0)
        let own = Array("\(getpid())\n".utf8)
        _ = pwrite(descriptor, own, own.count, 0)
    }

    /// The end of the lock's life said aloud, where nothing else would keep it.
    consuming func release() {}

    deinit { close(descriptor) }
}
