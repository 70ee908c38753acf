import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A TCP or TLS server on a loopback address that does to its visitors what a test tells it to, and remembers what they sent.
final class HostileServer: Sendable {
    /// When a server acts: once it is connected to, at anything that comes in, or at the end of a request's header.
    enum Moment { case connection, bytes, header }
    /// Done on the channel's event loop.
    typealias Act = @Sendable (_ request: String, _ channel: any Channel) -> Void

    /// Apart from the validator's, so that neither waits for the other.
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    let port: Int
    private let listener: any Channel
    private let record: Record

    private final class Record: Sendable {
        let requests = Mutex<[String]>([])
        let connections = Mutex(0)
        let received = Mutex<[UInt8]>([])
    }

    /// When a server falls silent for good: once so many bytes are out, or so many flights came in.
    struct Silence: Sendable {
        var afterBytes = Int.max
        var atFlight = Int.max
    }

    init(
        at host: String = "127.0.0.1", port: Int = 0, tls: NIOSSLContext? = nil, silent: Silence? = nil,
        on moment: Moment = .header, _ act: @escaping Act
    ) async throws {
        let record = Record()
        listener = try await ServerBootstrap(group: Self.group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let silent { try channel.pipeline.syncOperations.addHandler(Muzzle(silent)) }
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    try channel.pipeline.syncOperations.addHandler(Host(record, moment, act))
                }
            }
            .bind(host: host, port: port).get()
        self.port = listener.localAddress?.port ?? 0
        self.record = record
    }

    /// One server on each of the addresses, all on the same port.
    static func together(_ hosts: [String], _ acts: [Act]) async throws -> [HostileServer] {
        var servers: [HostileServer] = []
        while servers.count < hosts.count {
            do {
                for (host, act) in zip(hosts, acts) {
                    servers.append(try await HostileServer(at: host, port: servers.first?.port ?? 0, act))
                }
            } catch let taken as IOError where taken.errnoCode == EADDRINUSE {
                servers = []
            }
        }
        return servers
    }

    /// A port that nothing listens to any more.
    static func unused() async throws -> Int {
        let server = try await HostileServer { _, _ in }
        try await server.listener.close()
        return server.port
    }

    deinit { listener.close(promise: nil) }

    var requests: [String] { record.requests.withLock { $0 } }
    var connections: Int { record.connections.withLock { $0 } }
    /// What came in, after decryption.
    var received: [UInt8] { record.received.withLock { $0 } }

    /// Sends `text` and closes.
    static func say(_ text: String) -> Act { { _, channel in send(text, channel, close: true) } }

    static func send(_ text: String, _ channel: any Channel, close: Bool) {
        channel.writeAndFlush(ByteBuffer(string: text)).whenComplete { _ in if close { channel.close(promise: nil) } }
    }

    /// Sends `text` again and again until the other side has enough.
    static func flood(_ text: String) -> Act {
        let piece = String(repeating: text, count: 1 + 4000 / max(1, text.utf8.count))
        return { _, channel in
            // A pause between the pieces, or the loop would do nothing else until the kernel's buffers are full.
            let flood = channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(1)) { _ in
                channel.writeAndFlush(ByteBuffer(string: piece), promise: nil)
            }
            channel.closeFuture.whenComplete { _ in flood.cancel() }
        }
    }

    /// Stands between TLS and the network.
    private final class Muzzle: ChannelDuplexHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let silence: Silence
        private var (sent, flights) = (0, 0)

        init(_ silence: Silence) { self.silence = silence }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            flights += 1
            context.fireChannelRead(data)
        }
        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            var buffer = unwrapOutboundIn(data)
            let room = flights < silence.atFlight ? silence.afterBytes - sent : 0
            let allowed = buffer.readSlice(length: max(0, min(buffer.readableBytes, room))) ?? ByteBuffer()
            sent += allowed.readableBytes
            context.write(wrapOutboundOut(allowed), promise: promise)
        }
    }

    private final class Host: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let record: Record
        private let moment: Moment
        private let act: Act
        private var text = ""

        init(_ record: Record, _ moment: Moment, _ act: @escaping Act) {
            (self.record, self.moment, self.act) = (record, moment, act)
        }

        func channelActive(context: ChannelHandlerContext) {
            record.connections.withLock { $0 += 1 }
            if moment == .connection { act("", context.channel) }
        }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = unwrapInboundIn(data)
            record.received.withLock { $0 += Array(buffer.readableBytesView) }
            text += String(decoding: buffer.readableBytesView, as: UTF8.self)
            if moment == .bytes { return act(text, context.channel) }
            guard moment == .header, text.hasSuffix("\r\n\r\n") else { return }
            record.requests.withLock { $0.append(text) }
            act(text, context.channel)
            text = ""
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
