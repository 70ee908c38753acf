import Foundation
import NIOCore
import NIOPosix
import NIOSSL

/// One connection whose every byte the test decides, and which sees every byte that comes back.
actor WireClient {
    struct Answer: Sendable {
        var status: Int
        var headers: [(name: String, value: String)]
        var body: [UInt8]

        subscript(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }
        func all(_ name: String) -> [String] { headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value) }
        var text: String { String(decoding: body, as: UTF8.self) }
    }
    struct Ended: Error {}

    private let channel: any Channel
    private var arriving: AsyncStream<[UInt8]>.Iterator
    private var buffer: [UInt8] = []
    private var ended = false

    /// - Parameters:
    ///   - greeting: said before TLS.
    ///   - readsNothing: what the server says stays in the socket.
    init(
        port: Int, tls: Bool = true, maximum: TLSVersion? = nil, greeting: String = "", readsNothing: Bool = false
    ) async throws {
        let (stream, continuation) = AsyncStream<[UInt8]>.makeStream()
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        if let maximum { (configuration.minimumTLSVersion, configuration.maximumTLSVersion) = (.tlsv1, maximum) }
        let context = tls ? try NIOSSLContext(configuration: configuration) : nil
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: !readsNothing)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Greeter(greeting))
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: context, serverHostname: nil))
                    }
                    try channel.pipeline.syncOperations.addHandler(Collector(continuation))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        arriving = stream.makeAsyncIterator()
    }

    func send(_ text: String) async throws { try await send(Array(text.utf8)) }
    func send(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }
    func close() { channel.close(promise: nil) }

    func peerCertificate() async throws -> NIOSSLCertificate? {
        try await channel.pipeline.handler(type: NIOSSLClientHandler.self).map { $0.peerCertificate }.get()
    }

    /// The next answer; informational ones too.
    func answer(toHead: Bool = false) async throws -> Answer {
        var end = headEnd()
        while end == nil {
            guard await more() else { throw Ended() }
            end = headEnd()
        }
        let head = String(decoding: buffer[..<(end ?? 0)], as: UTF8.self).components(separatedBy: "\r\n")
        buffer.removeFirst((end ?? 0) + 4)
        let status = Int(head[0].split(separator: " ")[1]) ?? 0
        let headers = head.dropFirst().map { line -> (name: String, value: String) in
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            return (String(line[..<colon]), line[colon...].dropFirst().trimmingCharacters(in: .whitespaces))
        }
        var answer = Answer(status: status, headers: headers, body: [])
        let length = toHead ? 0 : Int(answer["Content-Length"] ?? "0") ?? 0
        while buffer.count < length { guard await more() else { throw Ended() } }
        answer.body = Array(buffer.prefix(length))
        buffer.removeFirst(length)
        return answer
    }

    /// True when the server ends the connection without sending anything more.
    func isClosed() async -> Bool {
        while await more() {}
        return buffer.isEmpty
    }

    private func headEnd() -> Int? {
        guard buffer.count >= 4 else { return nil }
        return (0...(buffer.count - 4)).first { buffer[$0..<($0 + 4)].elementsEqual([13, 10, 13, 10]) }
    }

    private func more() async -> Bool {
        guard !ended else { return false }
        var iterator = arriving
        guard let bytes = await iterator.next(isolation: self) else {
            ended = true
            return false
        }
        arriving = iterator
        buffer += bytes
        return true
    }

    /// Whether the connection has ended, however; waits for that.
    func isGone() async -> Bool { (try? await channel.closeFuture.get()) != nil }

    /// Says something as soon as the connection stands.
    private final class Greeter: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let text: String
        init(_ text: String) { self.text = text }
        func channelActive(context: ChannelHandlerContext) {
            if !text.isEmpty { context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil) }
            context.fireChannelActive()
        }
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let continuation: AsyncStream<[UInt8]>.Continuation
        init(_ continuation: AsyncStream<[UInt8]>.Continuation) { self.continuation = continuation }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            continuation.yield(Array(unwrapInboundIn(data).readableBytesView))
        }
        func channelInactive(context: ChannelHandlerContext) { continuation.finish() }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
