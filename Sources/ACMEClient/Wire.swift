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
            throw Self.failure(error, url: request.url)
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

    /// BoringSSL's words stand in a description with numbers and file names of the library.
    private static func failure(_ error: any Error, url: String) -> ACMEClientError {
        let name = "its certificate is for another name"
        if let extra = error as? NIOSSLExtraError, extra == .failedToValidateHostname { return .untrusted(name, url: url) }
        guard case NIOSSLError.handshakeFailed(let why) = error else { return .transport(reason(error), url: url) }
        let text = String(describing: why)
        let known = [
            ("CERTIFICATE_VERIFY_FAILED", "no trusted root signed its certificate, or that is not valid now"),
            ("HOSTNAME", name),
            ("UNSUPPORTED_PROTOCOL", "it offers no TLS 1.2 or newer"),
        ]
        if let found = known.first(where: { text.contains($0.0) }) { return .untrusted(found.1, url: url) }
        if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
            return .transport("what listens there does not speak TLS", url: url)
        }
        return .transport("the TLS handshake failed (\(text.prefix { $0 != "/" }))", url: url)
    }

    /// `Connection refused`, out of `connection reset (error set): Connection refused) (errno: 111)`.
    private static func words(_ error: IOError) -> String {
        let reason = error.description.split(separator: ": ").first { $0.hasSuffix(") (errno") }
        return reason.map { String($0.prefix { $0 != ")" }) } ?? error.description
    }

    /// What a person can act on; the libraries' own texts say too much or too little.
    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError: return error.shortDescription
        case let error as NIOConnectionError:
            if error.dnsAError ?? error.dnsAAAAError != nil, error.connectionErrors.isEmpty {
                return "this host finds no address for the name \(error.host)"
            }
            return "cannot connect to \(error.host) port \(error.port)"
                + (error.connectionErrors.first.map { " (\(reason($0.error)))" } ?? "")
        case let error as IOError: return words(error)
        default: return String(describing: error)
        }
    }
}
