internal import ACME
internal import Glibc
internal import NIOCore

/// How one connection failed.
enum Mishap: Error {
    /// Not even a connection: another address may be tried. Completes `connecting to … failed: …`.
    case unreachable(String)
    case tls(String)
    /// Completes `the answer …`.
    case answer(String)
    /// Lost half-way.
    case lost(String)
    case cancelled
    /// This host has no more of something: says nothing about the other side.
    case short(String)

    static let endlessHandshake = Mishap.tls("more than \(LenientTLS.handshakeLimit) bytes came, and the handshake was not done")
    static let unfinishedHandshake = Mishap.tls("the connection was closed before the handshake was done")

    /// What NIO reports once the connection stands.
    init(whileConnected error: any Error) {
        switch error {
        case let mishap as Mishap: self = mishap
        case let malformed as ResponseReader.Malformed: self = .answer(malformed.reason)
        case let error as IOError: self = .lost(Self.words(error))
        default: self = .lost("\(error)".printable(limit: 200))
        }
    }

    init(whileConnecting error: any Error) {
        switch error {
        case let mishap as Mishap: self = mishap
        case let error as IOError where Self.shortages[error.errnoCode] != nil:
            self = .short(Self.shortages[error.errnoCode] ?? "")
        case let error as IOError: self = .unreachable(Self.words(error))
        case ChannelError.connectTimeout: self = .unreachable("no answer in time")
        default: self = .unreachable("\(error)".printable(limit: 200))
        }
    }

    private static let shortages: [Int32: String] = [
        EMFILE: "file descriptors", ENFILE: "file descriptors", ENOMEM: "memory", ENOBUFS: "memory",
        EADDRNOTAVAIL: "ports to connect from",
    ]

    private static func words(_ error: IOError) -> String {
        switch error.errnoCode {
        case ECONNREFUSED: "connection refused"
        case ECONNRESET: "the connection was reset"
        case ENETUNREACH, EHOSTUNREACH: "no route to it"
        case ETIMEDOUT: "no answer in time"
        case EACCES, EPERM: "this host forbids it"
        default: "error \(error.errnoCode)"
        }
    }
}
