import Foundation
import Glibc
import Synchronization
import TestSupport

/// Stands between a store and its PostgreSQL, on sockets in files, and loses messages when told to.
final class SocketProxy: Sendable {
    enum Mishap: Sendable {
        /// The next message reaches the server, its answer nobody.
        case loseAnswer
        /// The next message reaches nobody.
        case loseMessage
        /// The next message reaches the server only when `release` is called; to its sender it is as lost.
        case delayMessage
    }
    private struct Plan {
        /// Messages that pass before the mishap.
        var before = 0
        var mishap: Mishap?
        var happened = 0
    }

    let folder: TemporaryFolder
    private let server: String
    private let listener: CInt
    private let plan = Mutex(Plan())
    private let held = DispatchSemaphore(value: 0)
    private let delivered = DispatchSemaphore(value: 0)

    /// - Parameter server: the folder of its socket.
    init(to server: String) throws {
        self.server = server + "/.s.PGSQL.5432"
        folder = try TemporaryFolder()
        listener = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        try Self.withAddress(folder.path + "/.s.PGSQL.5432") { address, length in
            guard bind(listener, address, length) == 0, listen(listener, 16) == 0 else { throw Program.Failure("no socket") }
        }
        let accepting = listener
        Thread.detachNewThread { [weak self] in
            while true {
                let client = accept(accepting, nil, nil)
                guard client >= 0, let self else { return }
                self.serve(client)
            }
        }
    }

    deinit { _ = (shutdown(listener, CInt(SHUT_RDWR)), close(listener)) }

    /// - Parameter messages: that pass before it.
    func plan(_ mishap: Mishap, after messages: Int = 0) {
        plan.withLock { ($0.mishap, $0.before) = (mishap, messages) }
    }

    var happened: Int { plan.withLock { $0.happened } }

    /// Lets the delayed message go, and returns when the server has answered it or hung up.
    func release() {
        held.signal()
        delivered.wait()
    }

    private func serve(_ client: CInt) {
        let upstream = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        let connected = Self.withAddress(server) { connect(upstream, $0, $1) == 0 }
        guard connected else {
            _ = (close(client), close(upstream))
            return
        }
        // The start of a connection passes: only what follows its first answer counts.
        let isMuted = Mutex(false)
        let box = Box(isMuted: isMuted)
        Thread.detachNewThread {
            while let answer = Self.read(upstream) {
                if box.isMuted.withLock({ $0 }) { break }
                if !Self.write(answer, to: client) { break }
            }
            _ = (shutdown(client, CInt(SHUT_RDWR)), shutdown(upstream, CInt(SHUT_RDWR)))
            if box.isMuted.withLock({ $0 }) { self.delivered.signal() }
        }
        Thread.detachNewThread {
            while let message = Self.read(client) {
                switch self.next() {
                case nil:
                    if Self.write(message, to: upstream) { continue }
                case .loseAnswer:
                    box.isMuted.withLock { $0 = true }
                    _ = Self.write(message, to: upstream)
                    continue
                case .loseMessage: break
                case .delayMessage:
                    box.isMuted.withLock { $0 = true }
                    _ = shutdown(client, CInt(SHUT_RDWR))
                    self.held.wait()
                    _ = Self.write(message, to: upstream)
                    return
                }
                break
            }
            _ = (shutdown(client, CInt(SHUT_RDWR)), shutdown(upstream, CInt(SHUT_RDWR)))
        }
    }

    private final class Box: Sendable {
        let isMuted: Mutex<Bool>
        init(isMuted: consuming Mutex<Bool>) { self.isMuted = isMuted }
    }

    private func next() -> Mishap? {
        plan.withLock { plan in
            guard let mishap = plan.mishap else { return nil }
            guard plan.before == 0 else {
                plan.before -= 1
                return nil
            }
            plan.mishap = nil
            plan.happened += 1
            return mishap
        }
    }

    private static func read(_ socket: CInt) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = recv(socket, &bytes, bytes.count, 0)
        return count > 0 ? Array(bytes.prefix(count)) : nil
    }

    private static func write(_ bytes: [UInt8], to socket: CInt) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                send(socket, $0.baseAddress.map { $0 + sent }, bytes.count - sent, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    private static func withAddress<T>(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> T) rethrows -> T {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { place in place.copyBytes(from: path.utf8.prefix(place.count - 1)) }
        return try withUnsafePointer(to: &address) {
            try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { try body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }
}
