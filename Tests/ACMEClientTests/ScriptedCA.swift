import ACME
import Foundation
import Synchronization

@testable import ACMEClient

/// Answers a client's requests by a closure, and keeps them. Time moves only when the client sleeps.
final class ScriptedCA: Sendable {
    typealias Script = @Sendable (_ request: WireRequest, _ path: String, _ count: Int) throws(ACMEClientError) -> WireAnswer

    static let base = "https://ca.test"
    private let script: Script
    private let state = Mutex(
        (requests: [WireRequest](), now: Date(timeIntervalSince1970: 1_800_000_000), slept: [Double](), nonce: 0))

    /// - Parameter script: gets the path and how often it was asked for before; nil answers come from `standard`.
    init(_ script: @escaping Script) { self.script = script }

    var requests: [WireRequest] { state.withLock { $0.requests } }
    var slept: [Double] { state.withLock { $0.slept } }
    func paths() -> [String] { requests.map { "\($0.method) \($0.url.dropFirst(Self.base.count))" } }
    func messages(_ path: String) -> [SignedMessage] {
        requests.filter { $0.url == Self.base + path }.compactMap { $0.body.flatMap { try? SignedMessage($0) } }
    }

    func client() throws -> ACMEClient {
        var configuration = ACMEClient.Configuration(product: "test/1")
        configuration.now = { [self] in state.withLock { $0.now } }
        configuration.sleep = { [self] wait in
            state.withLock {
                $0.now += wait / .seconds(1)
                $0.slept.append(wait / .seconds(1))
            }
        }
        return try ACMEClient(
            directory: "\(Self.base)/dir", configuration: configuration,
            exchange: { [self] (request) async throws(ACMEClientError) in
                let path = String(request.url.dropFirst(Self.base.count))
                let (count, nonce) = state.withLock { state in
                    let count = state.requests.count { $0.url == request.url }
                    state.requests.append(request)
                    state.nonce += 1
                    return (count, state.nonce)
                }
                var answer = try script(request, path, count)
                if answer.status == 0 { answer = Self.standard(path) }
                if answer.values("Replay-Nonce").isEmpty { answer.headers.append(("Replay-Nonce", "n\(nonce)")) }
                return answer
            })
    }

    func account() throws -> ACMEAccount { try client().account(SigningKey(.p256), url: "\(Self.base)/account?id=1%2F2") }

    /// Leave it to `standard`.
    static let usual = WireAnswer(status: 0)

    static func json(_ text: String, _ status: Int = 200, _ headers: [(name: String, value: String)] = []) -> WireAnswer {
        WireAnswer(status: status, headers: headers, body: Array(text.utf8))
    }

    static func problem(_ type: String, _ status: Int, _ headers: [(name: String, value: String)] = []) -> WireAnswer {
        json(#"{"type":"urn:ietf:params:acme:error:\#(type)","detail":"because"}"#, status, headers)
    }

    private static func standard(_ path: String) -> WireAnswer {
        switch path {
        case "/dir":
            json(
                #"{"newNonce":"\#(base)/nonce","newAccount":"\#(base)/acct","newOrder":"\#(base)/order","revokeCert":"\#(base)/revoke","keyChange":"\#(base)/key","odd":[1],"meta":{"termsOfService":null,"website":7,"profiles":{"a":"b"}}}"#
            )
        case "/nonce": WireAnswer(status: 200)
        case "/acct": json(#"{"status":"valid"}"#, 201, [("location", "\(base)/account/1")])
        default: json("{}")
        }
    }
}
