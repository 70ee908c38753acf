internal import Foundation

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Files that are there whole or not at all, and whose mode is right from the first byte.
package enum AtomicFile {
    /// Writes under a temporary name beside `path`, syncs, gives it its name, syncs the folder.
    /// - Parameter replacing: whether a file of that name is replaced; if not, it is an error and stays as it is.
    package static func write(
        _ bytes: [UInt8], to path: String, mode: UInt16, replacing: Bool = true
    ) throws(SigningError) {
        let temporary = "\(path).\(UInt64.random(in: .min ... .max)).new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode_t(mode))
        guard file >= 0 else { throw .unwritable(path: path, reason: lastError()) }
        do throws(SigningError) {
            try fill(file, bytes, path, mode)
            try name(temporary, path, replacing)
        } catch {
            unlink(temporary)
            throw error
        }
        try syncFolder(of: path)
    }

    /// The umask may take bits away from open's mode but the mode is what was asked for, never more in between.
    private static func fill(_ file: Int32, _ bytes: [UInt8], _ path: String, _ mode: UInt16) throws(SigningError) {
        var written = 0
        var failure: String?
        bytes.withUnsafeBytes { buffer in
            while written < buffer.count, failure == nil {
                let count = systemWrite(file, buffer, from: written)
                if count > 0 { written += count } else if count < 0, errno != EINTR { failure = lastError() }
            }
        }
        if failure == nil, fchmod(file, mode_t(mode)) != 0 || fsync(file) != 0 { failure = lastError() }
        if close(file) != 0, failure == nil { failure = lastError() }
        if let failure { throw .unwritable(path: path, reason: failure) }
    }

    private static func systemWrite(_ file: Int32, _ buffer: UnsafeRawBufferPointer, from start: Int) -> Int {
        guard let base = buffer.baseAddress else { return 0 }
        #if canImport(Glibc)
            return Glibc.write(file, base + start, buffer.count - start)
        #else
            return Darwin.write(file, base + start, buffer.count - start)
        #endif
    }

    private static func name(_ temporary: String, _ path: String, _ replacing: Bool) throws(SigningError) {
        if replacing {
            guard rename(temporary, path) == 0 else { throw .unwritable(path: path, reason: lastError()) }
        } else {
            guard link(temporary, path) == 0 else { throw .unwritable(path: path, reason: lastError()) }
            unlink(temporary)
        }
    }

    private static func syncFolder(of path: String) throws(SigningError) {
        let folder = (path as NSString).deletingLastPathComponent
        let file = open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { throw .unwritable(path: path, reason: lastError()) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw .unwritable(path: path, reason: lastError()) }
    }

    /// The whole file, which is regular and no longer than `maximum` bytes.
    package static func read(_ path: String, maximum: Int) throws(SigningError) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw .unreadable(path: path, reason: lastError()) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .unreadable(path: path, reason: lastError()) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable(path: path, reason: "it is no regular file") }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 8192)
        while true {
            let count = chunk.withUnsafeMutableBytes { systemRead(file, $0) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable(path: path, reason: lastError()) }
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= maximum else { throw .unreadable(path: path, reason: "it is longer than \(maximum) bytes") }
        }
    }

    private static func systemRead(_ file: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard let base = buffer.baseAddress else { return 0 }
        #if canImport(Glibc)
            return Glibc.read(file, base, buffer.count)
        #else
            return Darwin.read(file, base, buffer.count)
        #endif
    }

    /// - Throws: `.exposed` if group or others have any right on the file.
    package static func requirePrivate(_ path: String) throws(SigningError) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw .unreadable(path: path, reason: lastError()) }
        let mode = status.st_mode & 0o7777
        guard mode & 0o077 == 0 else { throw .exposed(path: path, mode: "0" + String(mode, radix: 8)) }
    }

    private static func lastError() -> String { String(cString: strerror(errno)) }
}
