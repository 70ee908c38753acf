public import ACME
import Foundation
import Synchronization

/// A client of one ACME server (RFC 8555), known by its directory's URL. Every answer is taken for hostile: only https
/// URLs are used, inside answers too; sizes and times are bounded; redirects are followed for the directory alone.
///
/// ```swift
/// let client = try ACMEClient(directory: "https://ca.example/directory")
/// let key = SigningKey(.p256)
/// let account = try await client.createAccount(key, contacts: ["mailto:ops@example.com"], termsAgreed: true).account
/// let order = try await account.newOrder(["example.com"])
/// ```
/// Connections are shared and kept until the client is released.
public final class ACMEClient: Sendable {
    /// As it was given.
    public let directoryURL: String
    /// As it was given.
    public let configuration: Configuration

    private let exchange: Exchange
    private let nonces = NoncePool()
    private let known = Mutex<Directory?>(nil)

    /// - Parameter directory: the CA's directory URL; nothing is appended.
    /// - Throws: `insecureURL`; `input` if a trust root is no certificate.
    public convenience init(directory: String, configuration: Configuration = Configuration()) throws(ACMEClientError) {
        let wire = try Wire(configuration)
        try self.init(
            directory: directory, configuration: configuration,
            exchange: { (request) async throws(ACMEClientError) in try await wire.exchange(request) })
    }

    /// A client whose requests go through `exchange`.
    package init(directory: String, configuration: Configuration, exchange: @escaping Exchange) throws(ACMEClientError) {
        try requireHTTPS(directory)
        (directoryURL, self.configuration, self.exchange) = (directory, configuration, exchange)
    }

    /// The server's directory (RFC 8555 section 7.1.1), fetched once per client. Unknown members are ignored; `keyChange`
    /// and `revokeCert` are empty where the server has none. At most 5 redirects are followed, from https to https.
    /// - Throws: `insecureURL` for any URL inside that is not https; `notACME`; what a request can throw.
    public func directory() async throws(ACMEClientError) -> Directory {
        if let known = known.withLock({ $0 }) { return known }
        var url = directoryURL
        for _ in 0...5 {
            let answer = try await get(url)
            guard (300...399).contains(answer.wire.status) else {
                let directory = try read(answer)
                known.withLock { $0 = directory }
                return directory
            }
            guard let next = answer.wire.values("location").first,
                let target = URL(string: next, relativeTo: URL(string: url))?.absoluteString
            else { throw .notACME("a redirect without a target", status: answer.wire.status, url: url) }
            try requireHTTPS(target)
            url = target
        }
        throw .notACME("more than 5 redirects", status: 302, url: directoryURL)
    }

    private func read(_ answer: Answer) throws(ACMEClientError) -> Directory {
        let json: JSON
        do { json = try JSON(parsing: answer.wire.body) } catch {
            throw .notACME(error.reason, status: answer.wire.status, url: answer.url)
        }
        func url(_ name: String) throws(ACMEClientError) -> String? {
            guard let text = json[name]?.string else { return nil }
            try requireHTTPS(text)
            return text
        }
        guard let newNonce = try url("newNonce"), let newAccount = try url("newAccount"), let newOrder = try url("newOrder")
        else {
            throw .notACME("it is no ACME directory", status: answer.wire.status, url: answer.url)
        }
        // Servers write null, or worse, into meta: what is of the wrong type is as good as absent.
        let meta = json["meta"]
        return Directory(
            newNonce: newNonce, newAccount: newAccount, newOrder: newOrder, newAuthz: try url("newAuthz"),
            revokeCert: try url("revokeCert") ?? "", keyChange: try url("keyChange") ?? "", renewalInfo: try url("renewalInfo"),
            meta: Directory.Meta(
                termsOfService: meta?["termsOfService"]?.string, website: meta?["website"]?.string,
                caaIdentities: meta?["caaIdentities"]?.array?.compactMap(\.string),
                externalAccountRequired: meta?["externalAccountRequired"]?.bool,
                profiles: meta?["profiles"]?.object?.compactMapValues(\.string)))
    }

    // MARK: Requests

    /// An unsigned GET. A redirect is an answer here.
    /// - Parameter waits: whether to come again by itself when the server is busy.
    func get(_ url: String, accept: String = "application/json", waits: Bool = true) async throws(ACMEClientError) -> Answer {
        try requireHTTPS(url)
        var pauses = Pauses(configuration)
        var again = true
        while true {
            do throws(ACMEClientError) {
                let wire = try await exchange(WireRequest(method: "GET", url: url, headers: headers(accept: accept)))
                nonces.keep(from: wire)
                if (300...399).contains(wire.status) { return Answer(url: url, wire: wire) }
                switch Verdict(wire, url: url, now: configuration.now()) {
                case .success(let answer): return answer
                case .busy(let until, let error):
                    guard waits else { throw error }
                    try await pauses.wait(until: until, or: error)
                case .refused(let error): throw error
                }
            } catch {
                guard case .transport = error, again else { throw error }
                again = false
            }
        }
    }

    /// A signed POST (RFC 8555 section 6.2). Sent again after badNonce with that answer's nonce, after 429 and 503 as far as
    /// `longestPause` allows, and, when it is a POST-as-GET, once after a failed connection.
    /// - Parameters:
    ///   - payload: empty for POST-as-GET.
    ///   - account: its URL for `kid`; nil to send the key itself as `jwk`.
    ///   - accept: the media type that is wanted.
    func post(
        _ url: String, payload: [UInt8], key: SigningKey, account: String?, accept: String = "application/json"
    ) async throws(ACMEClientError) -> Answer {
        try requireHTTPS(url)
        var (pauses, again, rejected) = (Pauses(configuration), payload.isEmpty, 0)
        var given: String?
        while true {
            do throws(ACMEClientError) {
                let nonce: String
                if let ready = given ?? nonces.take() { nonce = ready } else { nonce = try await freshNonce() }
                given = nil
                let body: [UInt8]
                do { body = try key.message(payload: payload, url: url, nonce: nonce, signer: account.map { .kid($0) }) } catch {
                    throw ACMEClientError.input("The account key cannot sign: \(error)")
                }
                var headers = headers(accept: accept)
                headers.append(("Content-Type", "application/jose+json"))
                let wire = try await exchange(WireRequest(method: "POST", url: url, headers: headers, body: body))
                switch Verdict(wire, url: url, now: configuration.now()) {
                case .success(let answer):
                    nonces.keep(from: wire)
                    return answer
                case .refused(let error) where error.problem?.errorType == .badNonce:
                    rejected += 1
                    guard rejected <= configuration.badNonceRetries else { throw error }
                    given = NoncePool.nonce(in: wire)
                case .busy(let until, let error):
                    nonces.keep(from: wire)
                    try await pauses.wait(until: until, or: error)
                case .refused(let error):
                    nonces.keep(from: wire)
                    throw error
                }
            } catch {
                guard case .transport = error, again else { throw error }
                again = false
            }
        }
    }

    /// RFC 8555 section 7.2, by HEAD, or by GET for servers that do not know HEAD.
    private func freshNonce() async throws(ACMEClientError) -> String {
        let url = try await directory().newNonce
        if let kept = nonces.take() { return kept }
        var pauses = Pauses(configuration)
        while true {
            var last = WireAnswer(status: 0)
            for method in ["HEAD", "GET"] {
                last = try await exchange(WireRequest(method: method, url: url, headers: headers(accept: "*/*")))
                if let nonce = NoncePool.nonce(in: last) { return nonce }
            }
            guard case .busy(let until, let error) = Verdict(last, url: url, now: configuration.now()) else {
                throw .notACME("no usable Replay-Nonce", status: last.status, url: url)
            }
            try await pauses.wait(until: until, or: error)
        }
    }

    private func headers(accept: String) -> [(name: String, value: String)] {
        [
            ("User-Agent", "\(configuration.product) ACMEClient/1 async-http-client/1"),
            ("Accept-Language", configuration.language),
            ("Accept", accept),
        ]
    }
}
