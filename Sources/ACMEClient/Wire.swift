import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One HTTP request, its headers complete.
package struct WireRequest: Sendable {
    package var method: String
    package var url: String
    package var headers: [(name: String, value: String)]
    /// Nil for GET and HEAD.
    package var body: [UInt8]?
}

/// One HTTP answer, its body whole and within the limit.
package struct WireAnswer: Sendable {
    package var status: Int
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    package init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        (self.status, self.headers, self.body) = (status, headers, body)
    }

    /// All values of a header, in order; names match in any case.
    package func values(_ name: String) -> [String] {
        headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }
}

/// Sends a request and follows no redirect. The network, or a test's CA.
package typealias Exchange = @Sendable (WireRequest) async throws(ACMEClientError) -> WireAnswer

/// HTTP/1.1 or 2 over TLS 1.2 or newer, whichever is negotiated; connections are kept.
final class Wire: Sendable {
    private let http: HTTPClient
    private let timeout: Duration
    private let limit: Int

    /// - Throws: `input` if a trust root is no certificate.
    init(_ configuration: ACMEClient.Configuration) throws(ACMEClientError) {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        do {
            let roots = try configuration.trustRoots.flatMap { try NIOSSLCertificate.fromPEMBytes(Array($0.utf8)) }
            if !roots.isEmpty { tls.additionalTrustRoots = [.certificates(roots)] }
        } catch { throw .input("A trusted root is not a PEM certificate.") }
        var settings = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        settings.timeout.connect = .seconds(10)
        settings.connectionPool.retryConnectionEstablishment = false
        settings.connectionPool.idleTimeout = .seconds(20)
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
        (timeout, limit) = (configuration.requestTimeout, configuration.bodyLimit)
    }

    deinit {
        let http = http
        Task { try? await http.shutdown() }
    }

    func exchange(_ request: WireRequest) async throws(ACMEClientError) -> WireAnswer {
        let (http, limit, timeout) = (http, limit, timeout)
        do {
            // A deadline of AsyncHTTPClient ends with the head of the answer: a body that drips needs this one.
            return try await withThrowingTaskGroup(of: WireAnswer?.self) { group in
                group.addTask { try await Self.send(request, over: http, limit: limit, timeout: timeout) }
                group.addTask {
                    try await Task.sleep(for: timeout)
                    return nil
                }
                defer { group.cancelAll() }
                guard let first = try await group.next(), let answer = first else {
                    throw ACMEClientError.transport("no whole answer within \(Int(timeout.seconds)) s", url: request.url)
                }
                return answer
            }
        } catch let error as ACMEClientError {
            throw error
        } catch {
            if Task.isCancelled || error is CancellationError { throw .cancelled }
            if case NIOSSLError.handshakeFailed(let why) = error { throw .untrusted(Self.reason(why), url: request.url) }
            throw .transport(Self.reason(error), url: request.url)
        }
    }

    private static func send(
        _ request: WireRequest, over http: HTTPClient, limit: Int, timeout: Duration
    ) async throws -> WireAnswer {
        var sent = HTTPClientRequest(url: request.url)
        sent.method = HTTPMethod(rawValue: request.method)
        for header in request.headers { sent.headers.add(name: header.name, value: header.value) }
        sent.body = request.body.map { .bytes(ByteBuffer(bytes: $0)) }
        let answer = try await http.execute(sent, timeout: .nanoseconds(Int64(timeout.seconds * 1e9)))
        let headers = answer.headers.map { (name: $0.name, value: $0.value) }
        var body: [UInt8] = []
        if request.method != "HEAD" {
            for try await part in answer.body {
                guard body.count + part.readableBytes <= limit else {
                    throw ACMEClientError.tooLarge(limit: limit, url: request.url)
                }
                body.append(contentsOf: part.readableBytesView)
            }
        }
        return WireAnswer(status: Int(answer.status.code), headers: headers, body: body)
    }

    /// BoringSSL's word, `CERTIFICATE_VERIFY_FAILED`, without its numbers and the place in its source.
    private static func reason(_ error: BoringSSLError) -> String {
        let words = String(describing: error).split { !($0.isUppercase || $0.isNumber || $0 == "_") }
        return words.first { $0.contains("_") && $0.count > 3 }.map(String.init) ?? "the TLS handshake failed"
    }

    /// What a person can act on; the libraries' own texts say too much or too little.
    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError: return error.shortDescription
        case let error as NIOConnectionError:
            if let dns = error.dnsAError ?? error.dnsAAAAError, error.connectionErrors.isEmpty {
                return "the name \(error.host) has no address (\(dns))"
            }
            return "cannot connect to \(error.host) port \(error.port)"
                + (error.connectionErrors.first.map { " (\($0.error))" } ?? "")
        default: return String(describing: error)
        }
    }
}
