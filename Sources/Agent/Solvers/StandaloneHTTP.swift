import ACME
import NIOCore
import NIOHTTP1
import Synchronization

/// http-01 by a server of its own (RFC 8555 section 8.3): the live tokens, byte for byte, and 404 for all else.
final class StandaloneHTTP: Solver {
    private let port: Int
    private let listener = Mutex<Listener?>(nil)
    private let answers = LiveAnswers()

    init(port: Int) { self.port = port }

    func prepare() async throws(AgentError) {
        let answers = answers
        let bound = try await Listener.bind(port: port) { channel in
            let pipeline = channel.pipeline.syncOperations
            try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: false, withErrorHandling: true)
            try pipeline.addHandler(TokenHandler(answers))
        }
        listener.withLock { $0 = bound }
    }

    func present(_ answer: ChallengeAnswer) async throws(AgentError) {
        guard isToken(answer.token) else { throw .failed("The CA's token is none.") }
        answers.bodies.withLock { $0["/.well-known/acme-challenge/\(answer.token)"] = answer.keyAuthorization.text }
    }

    func remove(_ answer: ChallengeAnswer) async throws(AgentError) {
        answers.bodies.withLock { $0["/.well-known/acme-challenge/\(answer.token)"] = nil }
    }

    func finish() async {
        let bound = listener.withLock { bound in
            defer { bound = nil }
            return bound
        }
        await bound?.close()
    }
}

/// Paths and their bodies.
private final class LiveAnswers: Sendable {
    let bodies = Mutex<[String: String]>([:])
}

/// One request per connection.
private final class TokenHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let answers: LiveAnswers
    private var answered = false

    init(_ answers: LiveAnswers) { self.answers = answers }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let request) = unwrapInboundIn(data), !answered else { return }
        answered = true
        let isAsking = request.method == .GET || request.method == .HEAD
        let body = isAsking ? answers.bodies.withLock { $0[request.uri] } : nil
        var head = HTTPResponseHead(version: .http1_1, status: body == nil ? .notFound : .ok)
        head.headers = [
            "Content-Type": "application/octet-stream", "Content-Length": "\(body?.utf8.count ?? 0)", "Connection": "close",
        ]
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if let body, request.method == .GET {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
        }
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }
}
