import Foundation

#if canImport(Glibc)
    // Which of the two `stat` belongs to depends on what the compiler loads first.
    import CoreFoundation
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Files that are there whole or not at all, of the mode asked for from the first byte, and on disk when a call returns.
enum Files {
    /// Makes a folder of mode 0700 with its parents; one that exists is left as it is.
    static func makeFolder(_ path: String, isRetry: Bool = false) throws(AgentError) {
        if mkdir(path, 0o700) == 0 {
            try sync((path as NSString).deletingLastPathComponent)
            return
        }
        switch errno {
        case EEXIST:
            var status = stat()
            guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { throw .failed("\(path) is no folder.") }
        case ENOENT where !isRetry && path.contains("/") && path != "/":
            try makeFolder((path as NSString).deletingLastPathComponent)
            // Once: a file system without folders to make, such as /proc, says ENOENT below a folder that is there.
            try makeFolder(path, isRetry: true)
        default: throw .failed("Cannot make the folder \(path): \(reason()).")
        }
    }

    /// Writes a file that did not exist, and syncs it. Its folder is not synced.
    /// - Parameter owner: whom it is to belong to; nil: to this process's user.
    static func create(
        _ bytes: some Collection<UInt8>, at path: String, mode: UInt32, owner: (user: uid_t, group: gid_t)? = nil
    ) throws(AgentError) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode_t(mode & 0o600))
        guard file >= 0 else { throw .failed("Cannot write \(path): \(reason())") }
        let bytes = Array(bytes)
        var (written, failure) = (0, nil as String?)
        bytes.withUnsafeBytes { buffer in
            while written < buffer.count, failure == nil {
                let count = write(file, buffer.baseAddress.map { $0 + written }, buffer.count - written)
                if count >= 0 { written += count } else if errno != EINTR { failure = reason() }
            }
        }
        // By the open file, for whoever owns the folder may put another in its place; before the mode, which a new owner may lose bits of.
        if failure == nil, let owner, fchown(file, owner.user, owner.group) != 0 { failure = reason() }
        if failure == nil, fchmod(file, mode_t(mode)) != 0 || fsync(file) != 0 { failure = reason() }
        if close(file) != 0, failure == nil { failure = reason() }
        if let failure {
            unlink(path)
            throw .failed("Cannot write \(path): \(failure)")
        }
    }

    /// Puts a file in the place of another by one rename, and syncs the folder.
    static func replace(_ path: String, with bytes: some Collection<UInt8>, mode: UInt32) throws(AgentError) {
        let temporary = temporaryName(beside: path)
        try create(bytes, at: temporary, mode: mode)
        try move(fresh: temporary, to: path)
    }

    /// Points a symbolic link elsewhere by one rename, and syncs the folder.
    static func link(_ path: String, to target: String) throws(AgentError) {
        let temporary = temporaryName(beside: path)
        guard symlink(target, temporary) == 0 else { throw .failed("Cannot make the link \(path): \(reason())") }
        try move(fresh: temporary, to: path)
    }

    /// One rename, and the folder synced. What cannot be moved stays where it is.
    static func move(_ from: String, to path: String) throws(AgentError) {
        guard rename(from, path) == 0 else { throw .failed("Cannot put \(path) in place: \(reason()).") }
        try sync((path as NSString).deletingLastPathComponent)
    }

    private static func move(fresh temporary: String, to path: String) throws(AgentError) {
        do throws(AgentError) { try move(temporary, to: path) } catch {
            unlink(temporary)
            throw error
        }
    }

    /// - Returns: nil if there is no such file.
    static func read(_ path: String, maximum: Int = 1 << 20) throws(AgentError) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw .failed("Cannot read \(path): \(reason())")
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { throw .failed("\(path) is no regular file.") }
        var (bytes, chunk) = ([UInt8](), [UInt8](repeating: 0, count: 16_384))
        while true {
            let count = chunk.withUnsafeMutableBytes { Self.read(file, $0) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .failed("Cannot read \(path): \(reason())") }
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= maximum else { throw .failed("\(path) is longer than \(maximum) bytes.") }
        }
    }

    private static func read(_ file: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.read(file, buffer.baseAddress, buffer.count)
        #else
            Darwin.read(file, buffer.baseAddress, buffer.count)
        #endif
    }

    static func sync(_ folder: String) throws(AgentError) {
        let file = open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { throw .failed("Cannot open the folder \(folder): \(reason())") }
        defer { close(file) }
        guard fsync(file) == 0 else { throw .failed("Cannot sync the folder \(folder): \(reason())") }
    }

    /// - Throws: `failed` if the folder is there and closed to us, which would look like an empty one.
    static func checkReadable(_ folder: String) throws(AgentError) {
        let file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if file >= 0 {
            close(file)
        } else if errno != ENOENT {
            throw .failed("Cannot read the folder \(folder): \(reason()).")
        }
    }

    /// Names in a folder, sorted; none if it does not exist.
    static func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }

    static func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

    /// Where a link points, or nil if there is none.
    static func target(of link: String) -> String? { try? FileManager.default.destinationOfSymbolicLink(atPath: link) }

    static let temporaryPrefix = ".new-"

    private static func temporaryName(beside path: String) -> String {
        let folder = (path as NSString).deletingLastPathComponent
        return "\(folder)/\(temporaryPrefix)\(UInt64.random(in: .min ... .max))"
    }

    static func reason() -> String { String(cString: strerror(errno)) }
}
