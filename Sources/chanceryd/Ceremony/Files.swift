import Foundation

/// - Returns: nil when there is no such file.
/// - Throws: `.notPermitted`, `.inputOutput`, or `.configuration` when it is larger than `limit` bytes or no plain file.
func readFile(_ path: String, upTo limit: Int) throws(Failure) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
        if errno == ENOENT { return nil }
        throw fileFailure(errno, "read", path)
    }
    defer { close(descriptor) }
    var facts = stat()
    guard fstat(descriptor, &facts) == 0 else { throw fileFailure(errno, "read", path) }
    guard facts.st_mode & S_IFMT == S_IFREG else {
        throw Failure(.configuration, "\(path) is no plain file; put one in its place.")
    }
    guard facts.st_size <= limit else {
        throw Failure(.configuration, "\(path) is larger than \(limit) bytes; that cannot be right.")
    }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = read(descriptor, &buffer, buffer.count)
        if count == 0 { return bytes }
        if count < 0 {
            if errno == EINTR { continue }
            throw fileFailure(errno, "read", path)
        }
        bytes += buffer.prefix(count)
        guard bytes.count <= limit else {
            throw Failure(.configuration, "\(path) is larger than \(limit) bytes; that cannot be right.")
        }
    }
}

/// Whole or not at all, also across a power cut: a temporary name in the same folder, created with `mode`, synced, renamed, and
/// the folder synced.
func writeFile(_ bytes: [UInt8], to path: String, mode: mode_t) throws(Failure) {
    let temporary = "\(path).new"
    unlink(temporary)
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
    guard descriptor >= 0 else { throw fileFailure(errno, "write", path) }
    func giveUp(_ code: Int32) -> Failure {
        close(descriptor)
        unlink(temporary)
        return fileFailure(code, "write", path)
    }
    guard fchmod(descriptor, mode) == 0 else { throw giveUp(errno) }
    var rest = bytes[...]
    while !rest.isEmpty {
        let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if written < 0, errno != EINTR { throw giveUp(errno) }
        rest = rest.dropFirst(max(written, 0))
    }
    guard fsync(descriptor) == 0 else { throw giveUp(errno) }
    close(descriptor)
    guard rename(temporary, path) == 0 else {
        let code = errno
        unlink(temporary)
        throw fileFailure(code, "write", path)
    }
    try syncFolder(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]))
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

    deinit { close(descriptor) }
}
