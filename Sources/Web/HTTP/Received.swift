internal import Foundation
internal import NIOCore
internal import NIOHTTP1

/// One request, whole: head and bounded body. Nothing in it has been judged yet but its framing.
struct Received: Sendable {
    let method: HTTPMethod
    /// Origin form, as it arrived: path and query, percent signs untouched. Empty when the request line could not be read.
    let target: String
    let headers: HTTPHeaders
    var body: ByteBuffer
    /// The client's address without port, as trusted proxies tell it; `nil` when the peer was gone before it could be asked.
    let peer: String?
    /// The trusted proxy that the connection comes from, if it comes from one.
    let proxy: String?
    let arrived: NIODeadline

    /// The target up to the query.
    var path: Substring { target[..<(mark ?? target.endIndex)] }
    /// What follows the first question mark; `nil` when there is none.
    var query: Substring? { mark.map { target[target.utf8.index(after: $0)...] } }
    /// Where the query begins, looked for among bytes: comparing characters takes ten times as long.
    private var mark: String.Index? { target.utf8.firstIndex(of: UInt8(ascii: "?")) }
    /// A POST of ACME and everything else that changes something is to be answered with a nonce.
    var isPost: Bool { method == .POST }
}

/// What is wrong with a request before anyone looked at what it asks for. The connection ends after the answer.
enum Fault: Sendable, Equatable {
    case malformed(String)
    case tooLarge(limit: Int)
    case headersTooLarge
    case targetTooLong
    case unknownExpectation
    /// The body did not arrive in time.
    case tooSlow
    /// The answer was not ready in time.
    case overdue

    var status: HTTPResponseStatus {
        switch self {
        case .malformed: .badRequest
        case .tooLarge: .payloadTooLarge
        case .headersTooLarge: .requestHeaderFieldsTooLarge
        case .targetTooLong: .uriTooLong
        case .unknownExpectation: .expectationFailed
        case .tooSlow: .requestTimeout
        case .overdue: .serviceUnavailable
        }
    }

    var detail: String {
        switch self {
        case .malformed(let reason): reason
        case .tooLarge(let limit): "The body is longer than \(limit) bytes."
        case .headersTooLarge: "The header fields are too many or too long."
        case .targetTooLong: "The request target is too long."
        case .unknownExpectation: "The only expectation met here is 100-continue."
        case .tooSlow: "The request did not arrive in time."
        case .overdue: "The answer is not ready in time; please ask again."
        }
    }
}
