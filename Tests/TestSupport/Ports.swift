import Foundation
import Synchronization

/// A port of loopback for a program that is about to be started: free for TCP and UDP, not handed out before in this process, and below the
/// ports that the system gives to outgoing connections (32768 and up on Linux), which could take it before the program does.
package func freePort(_ address: String = "127.0.0.1") throws -> Int {
    for _ in 0..<1000 {
        let port = UInt16.random(in: 12_000..<32_000)
        let isNew = handedOut.withLock { $0.insert(port).inserted }
        if isNew, isFree(port, address, SOCK_STREAM), isFree(port, address, SOCK_DGRAM) { return Int(port) }
    }
    throw Program.Failure("no free port on \(address)")
}

private let handedOut = Mutex<Set<UInt16>>([])

private func isFree(_ port: UInt16, _ address: String, _ kind: __socket_type) -> Bool {
    let socket = socket(AF_INET, CInt(kind.rawValue), 0)
    defer { close(socket) }
    var here = sockaddr_in()
    here.sin_family = sa_family_t(AF_INET)
    here.sin_port = port.bigEndian
    here.sin_addr.s_addr = inet_addr(address)
    return withUnsafePointer(to: &here) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}
