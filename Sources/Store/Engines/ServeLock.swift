internal import Foundation

/// The right to serve a folder, held for the life of the value, and given back by the kernel whatever ends the process.
final class ServeLock: Sendable {
    private let descriptor: Int32

    /// - Throws: `inUse` when another process (or store) holds it.
    init(beside path: String) throws(StoreError) {
        let folder = (path as NSString).deletingLastPathComponent
        let descriptor = open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            if errno == EACCES || errno == EROFS || errno == EPERM { throw .readOnly(path: path) }
            if errno == ENOSPC || errno == EDQUOT { throw .full(path: path) }
            if errno == ENOENT || errno == ENOTDIR {
                throw .unsuitable("there is no folder \(folder): make it, or correct the path")
            }
            throw .device("cannot open \(path).lock: \(String(cString: strerror(errno)))")
        }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let reason = errno
            if reason == EINTR { continue }
            _ = Foundation.close(descriptor)
            if reason == EWOULDBLOCK { throw .inUse(folder: folder.isEmpty ? "." : folder) }
            throw .device("cannot lock \(path).lock: \(String(cString: strerror(reason)))")
        }
        self.descriptor = descriptor
    }

    deinit { _ = Foundation.close(descriptor) }
}
