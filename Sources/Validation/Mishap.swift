internal import Glibc
internal import NIOCore
internal import NIOSSL

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

    /// What NIO reports once the connection stands.
    init(whileConnected error: any Error) {
        switch error {
        case let mishap as Mishap: self = mishap
        case let malformed as ResponseReader.Malformed: self = .answer(malformed.reason)
        case NIOSSLError.handshakeFailed(let reason): self = .tls(Self.words(reason))
        case NIOSSLError.uncleanShutdown: self = .lost("the connection was cut without a TLS close")
        case let error as NIOSSLError: self = .tls(printable("\(error)"))
        case let error as BoringSSLError: self = .tls(Self.words(error))
        case let error as IOError: self = .lost(Self.words(error))
        default: self = .lost(printable("\(error)"))
        }
    }

    init(whileConnecting error: any Error) {
        switch error {
        case let mishap as Mishap: self = mishap
        case let error as IOError where Self.shortages[error.errnoCode] != nil:
            self = .short(Self.shortages[error.errnoCode] ?? "")
        case let error as IOError: self = .unreachable(Self.words(error))
        case ChannelError.connectTimeout: self = .unreachable("no answer in time")
        default: self = .unreachable(printable("\(error)"))
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

    /// BoringSSL's reason without the file and line of its source: `TLSV1_ALERT_NO_APPLICATION_PROTOCOL`.
    private static func words(_ error: BoringSSLError) -> String {
        let text = "\(error)"
        guard
            let reason = text.split(whereSeparator: { ": []()".contains($0) }).first(where: {
                $0.contains("_") && $0.allSatisfy(Self.isReason)
            })
        else { return printable(text) }
        return String(reason)
    }

    private static func isReason(_ character: Character) -> Bool {
        character.isASCII && (character.isUppercase || character.isNumber || character == "_")
    }
}
